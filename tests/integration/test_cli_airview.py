"""The commands that ask AirView, and the credentials they send."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import trustme

from airview_herald.sandbox import Sandbox
from airview_herald.sources import write_jsonl


@pytest.fixture
def strict():
    """A sandbox that asks for tokens."""
    with Sandbox(require_token=True) as running:
        yield running


@pytest.fixture
def token(strict):
    """A token of that sandbox."""
    form = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
    }
    return httpx.post(strict.token_url, data=form).json()["access_token"]


def test_a_check_lists_the_roles(cli, sandbox):
    """It says what it tried, stores nothing, and is a table for people."""
    done = cli("check")
    [row] = done.rows
    assert (done.code, row["credential"], row["system_id"]) == (0, "none", None)
    assert row["roles"][0] == "ContentReader"
    assert not any(sandbox.snapshot().values())
    assert cli("check", "--no-json").out.startswith("base_url    http://")


def test_a_check_of_nothing_is_3(cli):
    """A server that is not there is told in one line."""
    done = cli("check", "--base-url", "http://127.0.0.1:1")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("error: GET http://127.0.0.1:1/systems/: ConnectError")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("way", ["variable", "file", "variable file", "stdin", "client"])
def test_a_credential_comes_by_any_way_but_an_argument(cli, strict, token, way):
    """A variable, a file, stdin, or a key pair for which a token is fetched."""
    (cli.folder / "token").write_text(f"Bearer {token}\n")
    environ = {"AIRVIEW_BASE_URL": strict.airview_url}
    arguments = []
    if way == "variable":
        environ["AIRVIEW_TOKEN"] = token
    elif way == "file":
        arguments = ["--token-file", "token"]
    elif way == "variable file":
        environ["AIRVIEW_TOKEN_FILE"] = "token"
    elif way == "stdin":
        arguments = ["--token-file", "-"]
    else:
        environ |= {
            "AIRVIEW_TOKEN_URL": strict.token_url,
            "AIRVIEW_CLIENT_ID": "sandbox-client",
            "AIRVIEW_CLIENT_SECRET": "sandbox-secret",
            "AIRVIEW_SCOPE": "airview/agent_push",
        }
    done = cli("check", *arguments, stdin=token.encode(), **environ)
    assert (done.code, done.err) == (0, "")
    assert token not in done.out


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"AIRVIEW_TOKEN": "t0ken-of-mine", "AIRVIEW_TOKEN_URL": "https://t"},
            "AIRVIEW_TOKEN: is set beside AIRVIEW_TOKEN_URL: leave either out",
        ),
        (
            {"AIRVIEW_CLIENT_ID": "me", "AIRVIEW_CLIENT_SECRET": "s3cret-of-mine"},
            "AIRVIEW_TOKEN_URL: not set, beside AIRVIEW_CLIENT_ID, AIRVIEW_CLIENT_SECRET",
        ),
        ({"AIRVIEW_TOKEN": "t0ken\n-of-mine"}, "AIRVIEW_TOKEN: must be printable ASCII"),
        ({"AIRVIEW_TOKEN": "Bearer "}, "AIRVIEW_TOKEN: has no token behind its scheme"),
    ],
)
def test_half_a_credential_is_2(cli, environ, message, sandbox):
    """What contradicts itself, or lacks a part, is refused by name before anything is sent."""
    done = cli("check", **environ)
    assert done.code == 2
    assert message in done.err
    assert "of-mine" not in done.err
    assert not sandbox.requests


@pytest.fixture
def behind_tls(cli):
    """The URL of a server of a private authority, in `ca.pem`, that refuses everybody."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(401)

        def log_message(self, *_):
            pass

    authority = trustme.CA()
    authority.cert_pem.write_to_path(cli.folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_private_authority_is_named_by_an_option(cli, behind_tls):
    """Who is not trusted is told of, with the option; who is, is asked, and told apart."""
    asked = ("check", "--base-url", behind_tls)
    refused = cli(*asked)
    assert refused.code == 3
    assert refused.err.endswith("if its authority is your own, name it with --ca\n")
    for trusted in (cli(*asked, "--ca", "ca.pem"), cli(*asked, AIRVIEW_HERALD_CA="ca.pem")):
        assert trusted.code == 3
        assert "answered 401" in trusted.err
        assert (
            "no header with a credential was sent, for want of AIRVIEW_TOKEN, or of" in trusted.err
        )
    sent = cli(*asked, "--ca", "ca.pem", AIRVIEW_TOKEN="t")
    assert "a credential" not in sent.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--ca", "nowhere.pem"], "--ca: "),
        (["notifications", "types", "--key", "x.key"], "--cert: must be given together with key"),
    ],
)
def test_certificates_that_cannot_be_used_are_2(cli, arguments, message):
    """The error names the argument, and nothing is sent."""
    done = cli(*arguments)
    assert done.code == 2
    assert done.err.startswith(f"error: {message}")


def test_a_token_file_is_no_device(cli):
    """What has no end is not read to it."""
    done = cli("check", "--token-file", "/dev/zero")
    assert done.code == 2
    assert "/dev/zero: is longer than a token" in done.err


def test_what_is_monitored_is_counted(cli, event):
    """Groups are rows; a filter of the server's narrows them, and its refusal is 1."""
    write_jsonl([event("i-1"), event("i-2", "MONITORING")], cli.folder / "events.jsonl")
    cli("ingest", "events.jsonl")
    [row] = cli("compliance").rows
    assert row == {
        "application_name": "Payments",
        "environment_name": "Production",
        "control_name": "Patch R&D servers",
        "control_severity": "LOW",
        "total": 2,
        "is_compliant": 1,
    }
    selected = ("--select", "resourceReference,controlName")
    [row] = cli("compliance", *selected, "--filter", "is_compliant eq false").rows
    assert (row["resource_reference"], row["total"]) == ("i-1", 1)
    table = cli("compliance", "--no-json", "--select", "applicationName", "controlSeverity")
    heading, _, row = table.out.splitlines()
    assert heading.split() == [
        "application",
        "name",
        "control",
        "severity",
        "total",
        "is",
        "compliant",
    ]
    assert row.split() == ["Payments", "LOW", "2", "1"]
    refused = cli("compliance", "--filter", "nonsense (")
    assert refused.code == 1
    assert "could not be parsed" in refused.err


def test_exclusions_are_read_and_decided(cli, event):
    """With a release that has them: list, set, and list again."""
    write_jsonl([event("i-1")], cli.folder / "events.jsonl")
    with Sandbox(exclusion_resources=True) as older:
        environ = {"AIRVIEW_BASE_URL": older.airview_url}
        cli("ingest", "events.jsonl", **environ)
        exclusion = {"summary": "Accepted", "isLimitedExclusion": False}
        body = exclusion | {"controlId": 1, "resources": [1]}
        httpx.post(f"{older.airview_url}/exclusions/", json=body).raise_for_status()
        [row] = cli("exclusions", "list", **environ).rows
        assert (row["reference"], row["state"]) == ("i-1", "PENDING")
        done = cli("exclusions", "set", row["id"], "ACTIVE", **environ)
        assert (done.code, done.rows) == (0, [{"id": row["id"], "state": "ACTIVE"}])
        assert cli("exclusions", "list", **environ).rows == []
        lost = cli("exclusions", "set", "99", "ACTIVE", **environ)
        assert (lost.code, lost.out) == (1, "")
        assert lost.err == "error: 99: there is nothing of that id to be excluded\n"
        assert cli("exclusions", "list", "--no-json", **environ).out == "nothing\n"


def test_exclusions_of_later_releases_are_1(cli, sandbox):
    """The error says that the server's release has none."""
    done = cli("exclusions", "list")
    assert done.code == 1
    assert "only AirView releases before May 2023" in done.err


def test_whoami_shows_both_services(cli, strict, sandbox):
    """What holds, where it is from, and whose login it is; no secret."""
    environ = {
        "AIRVIEW_BASE_URL": strict.airview_url,
        "AIRVIEW_TOKEN_URL": strict.token_url,
        "AIRVIEW_CLIENT_ID": "sandbox-client",
        "AIRVIEW_CLIENT_SECRET": "sandbox-secret",
    }
    done = cli("whoami", **environ)
    airview, herald = done.rows
    assert (done.code, airview["system"], airview["system_id"]) == (0, "ccf", None)
    assert airview["credential"].startswith("AIRVIEW_TOKEN_URL")
    assert (herald["service"], herald["account"]) == ("Herald", sandbox.herald.account_id)
    assert herald["credential"] == "ALERTLOGIC_ACCESS_KEY_ID, ALERTLOGIC_SECRET_KEY"
    for secret in ("sandbox-secret", sandbox.herald.secret_key, sandbox.herald.access_key_id):
        assert secret not in done.out + done.err


def test_a_wrong_token_url_is_named_by_its_variable(cli, sandbox):
    """A token endpoint that answers 404 without a word is none."""
    done = cli(
        "check", AIRVIEW_TOKEN_URL=f"{sandbox.url}/nowhere", AIRVIEW_CLIENT_ID="me",
        AIRVIEW_CLIENT_SECRET="secret",
    )  # fmt: skip
    assert done.code == 3
    assert done.err.endswith("answered 404: no error in its body, a wrong AIRVIEW_TOKEN_URL?\n")


def test_whoami_shows_one_service_though_the_other_fails(cli, strict, sandbox):
    """Each failure is a line, and the worst exit code counts."""
    done = cli("whoami", AIRVIEW_BASE_URL=strict.airview_url)
    assert done.code == 3
    assert [row["service"] for row in done.rows] == ["Herald"]
    assert done.err.startswith("error: ")
    neither = {
        "AIRVIEW_BASE_URL": None,
        "ALERTLOGIC_ACCESS_KEY_ID": None,
        "ALERTLOGIC_SECRET_KEY": None,
    }
    none = cli("whoami", **neither)
    assert none.code == 2
    assert "neither AirView" in none.err


def test_whoami_shows_airview_though_heralds_file_is_broken(cli, tmp_path):
    """A profile that cannot be used is a line of its own, and its exit code counts."""
    file = tmp_path / "config"
    file.write_text("access_key_id = without a section\n")
    done = cli(
        "whoami", ALERTLOGIC_CONFIG=str(file),
        ALERTLOGIC_ACCESS_KEY_ID=None, ALERTLOGIC_SECRET_KEY=None,
    )  # fmt: skip
    assert done.code == 2
    assert [row["service"] for row in done.rows] == ["AirView"]
    assert done.err.startswith(f"error: {file}")
    assert done.err.count("\n") == 1
    lost = cli("whoami", "--profile", "nobody's")
    assert (lost.code, [row["service"] for row in lost.rows]) == (2, ["AirView"])
    assert "nobody's" in lost.err


def test_a_profile_is_herald_s_own(cli, sandbox, tmp_path):
    """The file that the library reads is the command line's, too."""
    file = tmp_path / "config"
    key, secret = sandbox.herald.access_key_id, sandbox.herald.secret_key
    file.write_text(f"[work]\naccess_key_id = {key}\nsecret_key = {secret}\naccount_id = 7\n")
    environ = {
        "ALERTLOGIC_CONFIG": str(file),
        "ALERTLOGIC_ACCESS_KEY_ID": None,
        "ALERTLOGIC_SECRET_KEY": None,
        "ALERTLOGIC_ACCOUNT_ID": sandbox.herald.account_id,
        "AIRVIEW_BASE_URL": None,
    }
    done = cli("whoami", "--profile", "work", **environ)
    [row] = done.rows
    assert row["credential"] == f"{file} [work] access_key_id, {file} [work] secret_key"
    assert json.dumps(secret) not in json.dumps(row)
    # Once, and of nothing that the profile does not say.
    assert done.err == (
        f"warning: ALERTLOGIC_ACCOUNT_ID of the environment comes before {file} [work]\n"
    )
