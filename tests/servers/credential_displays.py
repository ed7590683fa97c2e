"""Where a client shows what it knows: logs, representations, pickles, files, processes."""

import copy
import gc
import json
import pickle
import pprint
from contextlib import suppress

import attrs
import httpx
from anyio import to_thread
from command_line import CommandLine
from credential_situations import ABSENT, OURS, THEIRS, own_words, page, situation
from credentials import (
    CLIENT_SECRET,
    PLANTED,
    SERVICE,
    TOKEN,
    repeated,
)
from named_servers import answered
from planted_secrets import found_in
from stub_server import Response, StubServer
from told import Told

from airview_herald import AirView
from airview_herald.airview import Application, ComplianceEvent, TechnicalControl
from airview_herald.auth import ClientCredentials
from airview_herald.errors import AirViewHeraldError
from airview_herald.sandbox import Sandbox


@situation("logger airview_herald")
async def own_log(case):
    """At DEBUG, of a run that works and of one that does not."""
    await case.run()
    await page(case)
    lines = [text for name, text in case.lines if name == OURS]
    assert lines
    return lines


@situation("loggers of other packages")
async def their_logs(case):
    """At DEBUG, where httpcore shows what headers an answer has."""
    await case.run()
    await page_without_header(case)
    return [text for name, text in case.lines if name in THEIRS]


async def page_without_header(case):
    """Fail with a page that repeats the request."""
    case.answer_at(lambda request: answered(502, repeated(request).encode()), *case.services)
    await case.run()


def mentioned(*roots):
    """Return whatever of this package hangs on some objects."""
    seen, stack = {}, list(roots)
    while stack:
        each = stack.pop()
        if id(each) in seen or isinstance(each, type):
            continue
        seen[id(each)] = each
        module = type(each).__module__
        if module.startswith("airview_herald") or module in {"builtins", "functools"}:
            own = type(each).__name__ != "module"
            stack += gc.get_referents(each) if own else []
    return [each for each in seen.values() if type(each).__module__.startswith("airview_herald")]


@situation("repr, str, format")
async def representations(case):
    """Of the client, and of all that it is made of."""
    shown = []
    async with case.servers.transport(case.backend) as http, case.provider.make(http) as client:
        await case.provider.use(client)
        given = [
            value for value in case.provider.options().values() if isinstance(value, httpx.Auth)
        ]
        for each in (client, *given, *mentioned(client)):
            shown += [repr(each), str(each), f"{each}", pprint.pformat(each), ascii(each)]
    return shown


@situation("attrs.asdict, JSON")
async def dictionaries(case):
    """Of all that the client is made of."""
    shown = []
    async with case.servers.transport(case.backend) as http, case.provider.make(http) as client:
        await case.provider.use(client)
        for each in filter(lambda each: attrs.has(type(each)), mentioned(client)):
            fields = attrs.asdict(each)
            shown += [repr(fields), json.dumps(fields, default=str, skipkeys=True)]
    return shown


@situation("pickle, copy")
async def pickles(case):
    """Refused, or without it."""
    shown = []
    async with case.servers.transport(case.backend) as http, case.provider.make(http) as client:
        await case.provider.use(client)
        for each in mentioned(client):
            for way in (pickle.dumps, copy.deepcopy):
                try:
                    made = way(each)
                except Exception as error:  # noqa: BLE001 - whatever it is, it may not show it
                    shown += [str(error), repr(error)]
                else:
                    shown.append(made.decode("latin-1") if isinstance(made, bytes) else repr(made))
    return shown


@situation("OpenTelemetry")
async def telemetry(case):
    """Spans, metrics, and the trace that requests carry: to the service only."""
    told = Told()
    await case.run(telemetry=told.telemetry)
    carried = {
        host for host in case.servers.answers if "traceparent" in case.servers.received(host)
    }
    assert carried
    assert carried <= case.provider.origins
    case.servers.forget()
    await page_without_header(case)
    case.answer_at(lambda request: answered(400, repeated(request).encode()), *case.services)
    await case.run(telemetry=told.telemetry)
    return [told.text()]


@situation("state file, dead letters, report")
async def files(case):
    """A batch whose events are refused with what was sent."""
    if case.provider.client is not AirView:
        return ABSENT
    await own_words(case)
    refuse = case.servers.answers[SERVICE]

    def answer(request):
        # Without its system a batch would end at once, and leave no letters.
        if b"/systems/" in request.partition(b"\r\n")[0]:
            return answered(200, b'{"id": 1, "name": "s", "stage": "MONITOR"}')
        return refuse(request)

    case.answer_at(answer, SERVICE)
    shop = Application("Shop", "shop")
    patched = TechnicalControl("Servers are patched", "patched", "VULNERABILITY")
    events = [ComplianceEvent(f"i-{n}", shop, patched, "FLAGGED") for n in range(3)]
    paths = {"state": case.folder / "state", "dead_letters": case.folder / "letters"}
    outcomes = []
    async with case.servers.transport(case.backend) as http, case.provider.make(http) as client:
        report = await client.ingest(events, on_outcome=outcomes.append, **paths)
    assert report.failed == len(events)
    shown = [path.read_bytes().decode("latin-1") for path in paths.values()]
    assert "Bad Request" in shown[1] or "answered 400" in shown[1]
    for each in (report, *outcomes):
        shown += [repr(each), str(each), pickle.dumps(each).decode("latin-1")]
        shown.append(repr(attrs.asdict(each)))
    shown.append(report._repr_html_())
    for path in paths.values():
        path.unlink()
    return shown


@situation("command line")
async def command_line(case):
    """A process whose server repeats what it was sent."""
    if case.provider.environ is None or not case.processes:
        return ABSENT

    async def answer(request):
        if request.target.endswith("/token"):
            said = {"access_token": TOKEN}
            return Response(200, json.dumps(said).encode())
        said = repeated(
            "\r\n".join(f"{k}: {v}" for k, v in {"GET": "/", **request.headers}.items()).encode()
        )
        return Response(400, json.dumps({"error": said, "code": 400}).encode())

    command = "check" if case.provider.client is AirView else "whoami"
    with StubServer(answer) as server:
        run = CommandLine(
            case.folder,
            {
                "PATH": "/usr/bin:/bin",
                "HOME": str(case.folder),
                "AIRVIEW_BASE_URL": server.url,
                "AIRVIEW_SYSTEM_NAME": "s",
                "AIRVIEW_REFERENCING_TYPE": "r",
                **case.provider.environ(server.url),
            },
        )
        done = await to_thread.run_sync(run, command)
        verbose = await to_thread.run_sync(run, command, "--help")
    assert " answered 40" in done.err
    return [done.out, done.err, verbose.out, verbose.err]


@situation("sandbox's record")
async def sandbox_record(case):
    """What a failed assertion prints of the requests that a sandbox has seen."""
    options = dict(case.provider.options())
    if case.provider.name.startswith("."):
        return ABSENT  # as for the class
    with Sandbox() as sandbox:
        if case.provider.name == "ClientCredentials":
            options["auth"] = ClientCredentials(sandbox.token_url, "client", CLIENT_SECRET)
        where = {"system_name": "s", "system_stage": "MONITOR", "referencing_type": "r"}
        if case.provider.client is AirView:
            client = AirView(sandbox.airview_url, **where, **options)
        elif "auth" in options:
            return ABSENT
        else:
            client = case.provider.client(global_endpoint=sandbox.herald_url, **options)
        async with client:
            with suppress(AirViewHeraldError):
                await case.provider.use(client)
        assert sandbox.requests
        sent = [*(request.headers for request in sandbox.requests)]
        assert found_in(PLANTED, [*sent, *(request.body for request in sandbox.requests)])
        return [repr(list(sandbox.requests)), str(sandbox.requests[0]), repr(sandbox)]
