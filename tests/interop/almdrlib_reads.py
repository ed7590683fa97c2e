"""Have the vendor's own client, almdrlib, read from the sandbox and send to it.

Run it with the Python of an environment that has almdrlib, and name one that has this project:

    python tests/interop/almdrlib_reads.py PYTHON

It prints a line for each documented operation, and exits with 1 if one of them fails.
"""

import argparse
import contextlib
import os
import subprocess
import sys
from importlib.metadata import version

TYPE = "incidents/alerts"
INCIDENT = "a1b2c3d4e5f60718"
NOTIFICATION = {
    "type": TYPE,
    "notification_data": {"class": "web_attack_recon", "threat_level": "high"},
    "asset_data": {"tags": [{"env": "prod"}]},
    "payload": {"long_incident_id": INCIDENT, "incident_id": "h4k2p9", "threat": "High"},
}


def main():
    """Run every operation and return the exit code."""
    parser = argparse.ArgumentParser(description="Run almdrlib's operations on a sandbox.")
    parser.add_argument("python", help="a Python that has airview-herald with its sandbox")
    parser.add_argument(
        "--no-integrations", action="store_true", help="for definitions that lack those"
    )
    options = parser.parse_args()
    with sandbox(options.python) as (url, account_id, key, secret):
        os.environ |= {
            "ALERTLOGIC_ENDPOINT": url,
            "ALERTLOGIC_ACCOUNT_ID": account_id,
            "ALERTLOGIC_ACCESS_KEY_ID": key,
            "ALERTLOGIC_SECRET_KEY": secret,
            # The definitions ask another host for a schema when they are imported, and wait for
            # ever where nothing answers; refused, they use the copy that they bring along.
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
        }
        import almdrlib  # noqa: PLC0415 - it reads the environment

        sdk, definitions = (version(f"alertlogic-sdk-{part}") for part in ("python", "definitions"))
        print(f"almdrlib {sdk}, definitions {definitions}, Python {sys.version.split()[0]}")
        operations = Operations(almdrlib.client("herald"))
        names = READS + (() if options.no_integrations else INTEGRATIONS)
        failures = [name for name in names if not passes(name, getattr(operations, name))]
    print(f"{len(names) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


@contextlib.contextmanager
def sandbox(python):
    """Run a seeded sandbox in a process of its own; yield its URL, account, key and secret."""
    command = [python, "-m", "airview_herald.sandbox", "--port", "0", "--seed-herald"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = (process.stdout.readline().split() for _ in range(2))
            words = next(words for words in lines if words[:1] == ["Herald"])
            yield words[1], *(words[words.index(name) + 1] for name in ("account", "key", "secret"))
        finally:
            process.terminate()


def passes(name, run):
    """Run an operation, print how it went, and return whether it passed."""
    try:
        outcome = run()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
        print(f"FAILED {name}: {type(error).__name__}: {error}")
        return False
    print(f"ok     {name}: {outcome}")
    return True


def same(got, wanted):
    """Return what came back if it is what should."""
    if got != wanted:
        raise ValueError(f"{got!r} is not {wanted!r}")
    return got


class Operations:
    """Each documented operation by its name: it runs it and says what came back."""

    def __init__(self, herald):
        self._herald = herald

    def _call(self, name, status=200, **arguments):
        response = getattr(self._herald, name)(**arguments)
        same(response.status_code, status)
        return response.json()

    def _page(self, **arguments):
        return self._call("get_account_notification_by_type", type=TYPE, limit=5, **arguments)

    def _subscription(self):
        return self._call("get_account_subscriptions", include_subscribers=True)["subscriptions"][0]

    def _integration(self):
        return self._call("get_account_integrations")["integrations"][0]

    def get_account_notification_by_type(self):
        """Read two pages, newest first."""
        first = self._page(sort="desc")
        second = self._page(sort="desc", continuation_id=first["continuation_id"])
        times = [one["created"]["at"] for page in (first, second) for one in page["notifications"]]
        same(times, sorted(times, reverse=True))
        return f"{same(len(times), 10)} of {first['total_count']} notifications"

    def get_account_notification(self):
        """Read a notification of the account."""
        (*_, wanted) = self._page()["notifications"]
        got = self._call("get_account_notification", notification_id=wanted["id"])
        return f"notification {same(got, wanted)['id']}"

    def get_notification(self):
        """Read a notification by its id alone."""
        (*_, wanted) = self._page()["notifications"]
        got = self._call("get_notification", notification_id=wanted["id"])
        return f"notification {same(got, wanted)['id']}"

    def sent_notification(self):
        """Send a notification, and read what was stored of it."""
        sent = self._call("sent_notification", status=202, **NOTIFICATION)
        same({name: sent[name] for name in NOTIFICATION}, NOTIFICATION)
        same(self._call("get_notification", notification_id=sent["id"]), sent)
        return f"notification {sent['id']} {same(sent['status'], 'created')}"

    def get_sent_incident_notifications(self):
        """Read where the notification that was just sent went."""
        answer = self._call("get_sent_incident_notifications", long_incident_id=INCIDENT)
        (record,) = answer["notifications"]
        same({status["status"] for status in record["statuses"]}, {"SENT"})
        return f"{record['subject']!r} to {len(record['statuses'])} subscribers"

    def get_account_subscriptions(self):
        """Read the subscriptions to a type."""
        answer = self._call("get_account_subscriptions", notification_type=TYPE)
        (subscription,) = answer["subscriptions"]
        return f"{subscription['name']!r} to {same(subscription['notification_type'], TYPE)}"

    def get_account_subscription(self):
        """Read a subscription with its subscribers."""
        wanted = self._subscription()
        got = self._call(
            "get_account_subscription", subscription_id=wanted["id"], include_subscribers=True
        )
        return f"{same(got, wanted)['name']!r} with {got['subscriber_count']} subscribers"

    def get_account_subscription_subscribers(self):
        """Read the subscribers of a subscription."""
        wanted = self._subscription()
        answer = self._call("get_account_subscription_subscribers", subscription_id=wanted["id"])
        return f"{len(same(answer['subscribers'], wanted['subscribers']))} subscribers"

    def get_notification_types(self):
        """Read the notification types."""
        types = self._call("get_notification_types")["notification_types"]
        return ", ".join(one["notification_type"] for one in types)

    def get_account_integrations(self):
        """Read the integrations."""
        integrations = self._call("get_account_integrations")["integrations"]
        return ", ".join(one["target_url"] for one in integrations)

    def get_account_integration(self):
        """Read an integration."""
        wanted = self._integration()
        got = self._call("get_account_integration", id=wanted["id"])
        return f"{same(got, wanted)['name']!r} with headers {got['headers']}"

    def get_integration_types(self):
        """Read the types of integrations."""
        types = self._call("get_integration_types")["integration_types"]
        return ", ".join(one["name"] for one in types)


READS = tuple(name for name in vars(Operations) if name[0] != "_" and "integration" not in name)
INTEGRATIONS = tuple(name for name in vars(Operations) if "integration" in name and name[0] != "_")

if __name__ == "__main__":
    sys.exit(main())
