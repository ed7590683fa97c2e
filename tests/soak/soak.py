"""Mixed traffic through faults, for minutes: nothing leaks, and every account closes.

    python tests/soak/soak.py [--minutes 10] [--seed SEED] [--keep FOLDER]

A sandbox and a faulty proxy are in this process, clients in two others: one on asyncio, one on
trio. They write down what they are told, and what they hold every ten seconds. Here that is
compared with the rows of the server.
"""

import argparse
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from account import Account
from leaks import ALLOWED, growing, growth
from ledger import LEDGER, SAVES, Follower, Ledger
from place import FULL, SMALL
from weather import Weather

from airview_herald.sandbox import FaultyProxy, Sandbox

_FEEDS = {"asyncio": 4, "trio": 2}
_PROXY_FAULTS = 0.1
_LOOK = 0.05
# Of the samples one in so many is left out: the first ones.
_WARMING = 4
_MINUTE = 60.0
# Clients end what they have begun, through faults as before.
_PATIENCE = 180.0


class Soak:
    """One soak, from its servers' start to its account.

    Args:
        folder: Where files go.
        seconds: How long traffic begins.
        seed: Chooses what clients and the weather do.
        loops: The event loops, a process each.
        small: Whether everything goes faster, and there is less of it.
        plants: Defects that are put into the clients, by name.
        say: Called with a line a minute.
    """

    def __init__(
        self, folder, seconds, seed, loops=("asyncio", "trio"), *, small=False, plants=(), say=print
    ):
        self.account = Account()
        self.requests = Counter()
        self.faults = Counter()
        self.elapsed = 0.0
        self._folder = folder
        self._seconds = seconds
        self._seed = seed
        self._loops = loops
        self._small = small
        self._pace = SMALL if small else FULL
        self._plants = list(plants)
        self._say = say
        self._ledgers = [Follower(folder / name) for name in (SAVES, *map(LEDGER.format, loops))]
        self._began = time.monotonic()

    @property
    def problems(self):
        """What does not add up, and what leaks; nothing if all is well."""
        found = list(self.account.problems)
        for loop, samples in self._counted():
            found += [f"{loop}: {line}" for line in growing(samples)]
        return found

    def run(self):
        """Run it."""
        with ExitStack() as stack:
            sandbox = stack.enter_context(self._sandbox())
            sandbox.requests.append = self._tally
            self._saves = stack.enter_context(closing(Ledger(self._folder / SAVES)))
            proxy = stack.enter_context(
                FaultyProxy(sandbox.url, _PROXY_FAULTS, seed=self._seed, reach=20_000, delay=0.005)
            )
            self.weather = Weather(sandbox, proxy, self._pace, self._seed)
            key = (sandbox.herald.access_key_id, sandbox.herald.secret_key)
            clients = [
                stack.enter_context(self._clients(loop, [proxy.url, proxy.url, sandbox.url], key))
                for loop in self._loops
            ]
            self._through_weather(clients)
            self.weather.end()
            self._follow()
            self.account.compare(sandbox.snapshot())
            for each in clients:
                each.send_letters()
            self._wait(clients)
            self.account.compare_last(sandbox.snapshot())
            self.faults.update(sandbox.faults.struck)
            self.faults.update({f"proxy {kind}": n for kind, n in proxy.struck.items()})
        self.elapsed = time.monotonic() - self._began

    def _through_weather(self, clients):
        """Let the weather change until the traffic of all clients has ended."""
        until = time.monotonic() + self._seconds + _PATIENCE
        minute = time.monotonic() + _MINUTE
        while len(self.account.quiet) < len(clients):
            self.weather.go_on()
            time.sleep(_LOOK)
            self._follow()
            for each in clients:
                each.check()
            if time.monotonic() > minute:
                minute += _MINUTE
                self._say(self._line())
            if time.monotonic() > until:
                raise TimeoutError(f"traffic goes on after {_PATIENCE:.0f} s more")

    def _wait(self, clients):
        for each in clients:
            self.account.problems += each.finish()
        self._follow()

    def _follow(self):
        """Bring what is new in the ledgers to the account."""
        for ledger in self._ledgers:
            for line in ledger.lines():
                self.account.take(line)

    def _sandbox(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        sandbox = Sandbox(
            self._folder / "rows.db",
            port=port,
            require_token=True,
            exclusion_resources=True,
            token_lifetime=self._pace.tokens,
        )
        sandbox.herald.switches.token_lifetime = self._pace.tokens
        return sandbox

    @contextmanager
    def _clients(self, loop, urls, key):
        settings = {
            "loop": loop,
            "seconds": self._seconds,
            "seed": self._seed,
            "small": self._small,
            "folder": str(self._folder),
            "urls": urls,
            "key": key,
            "feeds": 2 if self._small else _FEEDS[loop],
            "plants": self._plants,
        }
        clients = _Clients(settings)
        try:
            yield clients
        finally:
            clients.kill()

    def _tally(self, request):
        """Count a request in the place of keeping it: there are too many. Write saves down."""
        self.requests[request.status] += 1
        if request.method == "PUT" and request.path.endswith("/monitored-resources/"):
            facts = {"status": request.status, "served": request.served}
            self._saves.write("save", place=request.query, body=request.body.decode(), **facts)

    def _line(self):
        account = self.account
        held = "; ".join(
            f"{loop} {last['rss_mib']:.0f} MiB, {last['tasks']} tasks, {last['threads']} threads, "
            f"{last['sockets']} sockets, {last['objects']} objects"
            for loop, last in ((loop, each[-1]) for loop, each in account.samples.items())
        )
        return (
            f"{(time.monotonic() - self._began) / _MINUTE:4.1f} min: "
            f"{self.requests.total():,} requests, {account.totals['runs']:,} runs of "
            f"{account.totals['batches']:,} batches, {account.totals['events']:,} events; {held}"
        )

    def _counted(self):
        """Give the samples that count, by event loop."""
        for loop, samples in self.account.samples.items():
            yield loop, samples[len(samples) // _WARMING :]

    def figures(self):
        """Return what there was of everything, line by line."""
        account, totals = self.account, self.account.totals
        yield f"{self.elapsed / _MINUTE:.1f} min, seed {self._seed}"
        yield f"{self.requests.total():,} requests, by status {_counts(self.requests)}"
        yield f"faults: {sum(self.faults.values()):,}, {_counts(self.faults)}"
        yield f"weather: {_counts(self.weather.spells)}"
        yield f"outcomes: {_counts(account.outcomes)}"
        yield f"counts: {_counts(totals)}"
        for loop, held in account.held.items():
            yield f"{loop} before: {_counts(held['before'])}"
            yield f"{loop} after: {_counts(held['after'])}"
        for loop, samples in self._counted():
            grown = {name: round(growth(samples, name), 1) for name in ALLOWED}
            yield f"{loop} grew: {_counts(grown)}"


class _Clients:
    """The process of some clients."""

    def __init__(self, settings):
        folder = Path(settings["folder"])
        self._errors = folder / f"{settings['loop']}.errors"
        # What is collected and was not closed is a leak, too.
        python = [sys.executable, "-W", "always::ResourceWarning"]
        command = [*python, Path(__file__).with_name("clients.py"), json.dumps(settings)]
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stderr=errors, text=True, env=_environment(folder)
            )

    def check(self):
        """Raise if it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"clients ended: {self._errors.read_text()}")

    def send_letters(self):
        """Have it send its letters again."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def finish(self):
        """Wait for its end, and return what it has complained of."""
        if self._process.wait(_PATIENCE) != 0:
            raise RuntimeError(f"clients ended: {self._errors.read_text()}")
        return self._errors.read_text().splitlines()

    def kill(self):
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()


def _environment(folder):
    return {"PATH": "", "HOME": str(folder), "USERPROFILE": str(folder)}


def _counts(counts):
    ordered = sorted(counts.items(), key=lambda item: str(item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ordered)


def main():
    """Run a soak, print its figures, and fail if anything does not add up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--keep", type=Path, help="a new folder, to look into files afterwards")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.keep
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        else:
            folder.mkdir()
        soak = Soak(
            folder,
            options.minutes * _MINUTE,
            options.seed,
            say=lambda line: print(line, flush=True),
        )
        soak.run()
    for line in soak.figures():
        print(line)
    for problem in soak.problems:
        print(f"PROBLEM: {problem}")
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
