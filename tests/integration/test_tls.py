"""Which servers are trusted, over real sockets: both backends, both event loops."""

import contextlib
import datetime as dt
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
import trustme
from anyio.abc import SocketAttribute
from backends import BACKENDS
from counting import serving

from airview_herald import AirView, Herald
from airview_herald.airview import Application, ComplianceEvent, Environment, TechnicalControl
from airview_herald.auth import ClientCredentials
from airview_herald.errors import ConfigurationError, ConnectError, IngestAborted, TLSError
from airview_herald.transport import Retry, _tls, tls_context

WHERE = {"system_name": "scan", "system_stage": "MONITOR", "referencing_type": "name"}
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


async def empty(stream, _served):
    """Answer a list of nothing."""
    await stream.send(EMPTY + b"[]")


async def nothing(stream, _served):
    """Answer an object that says nothing."""
    await stream.send(EMPTY + b"{}")


async def hang_up(stream):
    """End a connection as soon as it is there."""
    await stream.aclose()


async def misunderstand(stream):
    """Answer as a server without TLS does."""
    async with stream:
        await stream.receive()
        await stream.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@asynccontextmanager
async def listening(handler):
    """Give connections to a free port to a handler; yields the URL of it with TLS."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, handler)
        yield f"https://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"  # noqa: S610 - not Django's
        group.cancel_scope.cancel()


class BlockingServer:
    """Refuse handshakes as OpenSSL does by itself: the client is told why, and then hung up on."""

    def __init__(self, tls):
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.refused = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):  # of the listener, when it is shut down
            while True:
                self._refuse(self._listener.accept()[0])

    def _refuse(self, opened):
        wrapped = self._tls.wrap_socket(opened, server_side=True, do_handshake_on_connect=False)
        with wrapped:
            try:
                wrapped.do_handshake()
            except ssl.SSLError:
                self.refused += 1
            raw = socket.socket(fileno=wrapped.detach())
        with raw:
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65536):
                pass


@pytest.fixture(scope="module")
def authority():
    """Make an authority that a client may be told to trust."""
    return trustme.CA(organization_name="Ours")


@pytest.fixture(scope="module")
def stranger():
    """Make an authority that nobody knows."""
    return trustme.CA(organization_name="Stranger")


@pytest.fixture(scope="module")
def ca(authority, tmp_path_factory):
    """Keep the authority's certificate in a file."""
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file


@pytest.fixture(scope="module")
def client_certificate(authority, tmp_path_factory):
    """Keep a client's certificate and its key in two files."""
    folder = tmp_path_factory.mktemp("client")
    issued = authority.issue_cert("scanner@example.com")
    cert, key = folder / "client.pem", folder / "client.key"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    return cert, key


def side(certificate):
    """Return a server's side of TLS with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def handshakes(context):
    """Return a list that is longer by one for each handshake that a client begins."""
    begun = []
    context.sni_callback = lambda *_: begun.append(None)
    return begun


def client(url, **options):
    """Make a client of a server, quick to try again."""
    return AirView(url.rstrip("/"), retry=Retry(attempts=4, base=0), **WHERE, **options)


async def look(backend, url, verify):
    """Ask the server for something, over a backend that trusts as it is told."""
    async with backend(verify=verify) as http, client(url, http=http) as airview:
        return await airview.backend.get_environments()


def host_of(server):
    """Return a server as errors name it."""
    return httpx.URL(server.url).netloc.decode()


@BACKENDS
async def test_a_private_authority_is_trusted_when_named(backend, authority, ca):
    """A file of certificates, or an `ssl.SSLContext` of the caller's own."""
    async with serving(empty, side(authority.issue_cert("127.0.0.1"))) as server:
        assert await look(backend, server.url, tls_context(ca=ca)) == []
        assert await look(backend, server.url, tls_context(ca=ca, system=False)) == []
        assert await look(backend, server.url, ssl.create_default_context(cafile=ca)) == []


async def test_clients_take_the_same_setting(authority, ca):
    """Without a backend of the caller's, `verify` of the client counts."""
    verify = tls_context(ca=ca)
    async with (
        serving(empty, side(authority.issue_cert("127.0.0.1"))) as server,
        client(server.url, verify=verify) as airview,
    ):
        assert await airview.backend.get_environments() == []
    async with serving(nothing, side(authority.issue_cert("127.0.0.1"))) as server:
        options = {"aims_token": "a-token", "global_endpoint": server.url, "account_id": "1"}
        async with Herald(**options, verify=verify) as herald:
            assert await herald.get_account_subscriptions() == []
        async with Herald(**options) as herald:
            with pytest.raises(TLSError):
                await herald.get_account_subscriptions()


@BACKENDS
@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ("unknown", "unable to get local issuer certificate; if its authority is your own, name"),
        ("expired", "certificate has expired"),
        ("early", "certificate is not yet valid"),
        ("elsewhere", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ],
)
async def test_a_server_that_is_not_trusted_is_refused(
    backend, authority, stranger, ca, certificate, reason
):
    """Asked once, sent nothing, and told by its name with what is wrong."""
    issued = {
        "unknown": lambda: stranger.issue_cert("127.0.0.1"),
        "expired": lambda: authority.issue_cert("127.0.0.1", not_after=NOW - DAY),
        "early": lambda: authority.issue_cert("127.0.0.1", not_before=NOW + DAY),
        "elsewhere": lambda: authority.issue_cert("127.0.0.2", "airview.example"),
    }[certificate]()
    context = side(issued)
    begun = handshakes(context)
    async with serving(empty, context) as server:
        with pytest.raises(TLSError) as caught:
            await look(backend, server.url, tls_context(ca=ca))
    assert str(caught.value).startswith(
        f"GET {server.url}environments/: "
        f"the certificate of {host_of(server)} is not trusted: {reason}"
    )
    assert caught.value.attempts == 1
    assert not caught.value.ambiguous
    assert isinstance(caught.value, ConnectError)
    assert (len(begun), server.requests) == (1, 0)


@BACKENDS
async def test_a_self_signed_server_is_refused(backend, stranger, tmp_path):
    """A certificate that vouches for itself is trusted as any other: when it is named."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stranger.private_key_pem.write_to_path(tmp_path / "key.pem")
    stranger.cert_pem.write_to_path(tmp_path / "cert.pem")
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    begun = handshakes(context)
    async with serving(empty, context) as server:
        with pytest.raises(TLSError, match=r"is not trusted: self.signed certificate; if its"):
            await look(backend, server.url, verify=True)
    assert (len(begun), server.requests) == (1, 0)


@BACKENDS
@pytest.mark.parametrize("oldest", ["TLSv1_2", "TLSv1_3"])
async def test_a_client_certificate_is_shown(backend, authority, ca, client_certificate, oldest):
    """A server that wants one gets it, and says no to a client that has none."""
    cert, key = client_certificate
    context = side(authority.issue_cert("127.0.0.1"))
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = ssl.TLSVersion[oldest]
    async with serving(empty, context) as server:
        assert await look(backend, server.url, tls_context(ca=ca, cert=cert, key=key)) == []
        assert server.requests == 1


@BACKENDS
@pytest.mark.parametrize("shown", ["none", "a stranger's"])
async def test_a_server_that_refuses_the_client_is_told(
    backend, authority, stranger, ca, tmp_path, shown
):
    """TLS 1.3 tells it after the handshake, when the request is written: it is not repeated."""
    issued = stranger.issue_cert("scanner@example.com")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    context = side(authority.issue_cert("127.0.0.1"))
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    cert = None if shown == "none" else tmp_path / "client.pem"
    with BlockingServer(context) as server:
        async with (
            backend(verify=tls_context(ca=ca, cert=cert)) as http,
            client(server.url, http=http) as airview,
        ):
            with pytest.raises(TLSError) as caught:
                await airview.backend.create_environment(Environment("Production", "PRD"))
    assert f"{host_of(server)} refuses the client certificate, or wants one: " in str(caught.value)
    assert caught.value.attempts == 1
    assert not caught.value.ambiguous
    assert server.refused == 1


@BACKENDS
async def test_nothing_older_than_tls_1_2_is_spoken(backend, authority, ca):
    """Whatever the server would speak."""
    context = side(authority.issue_cert("127.0.0.1"))
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        BlockingServer(context) as server,
        pytest.raises(TLSError, match=r"1:\d+ speaks no TLS 1\.2 or later: ") as caught,
    ):
        await look(backend, server.url, tls_context(ca=ca))
    assert caught.value.attempts == 1


@BACKENDS
async def test_a_server_without_tls_is_told(backend):
    """An https URL for what is served as http is a mistake that no second try mends."""
    async with listening(misunderstand) as url:
        with pytest.raises(TLSError, match=r"speaks no TLS there; it may be served as http: "):
            await look(backend, url, verify=True)


@BACKENDS
async def test_a_handshake_that_is_cut_is_tried_again(backend):
    """A load balancer that hangs up may have a server the next time."""
    async with listening(hang_up) as url:
        with pytest.raises(ConnectError) as caught:
            await look(backend, url, verify=True)
    assert not isinstance(caught.value, TLSError)
    assert caught.value.attempts == 4


@BACKENDS
async def test_a_token_endpoint_that_is_not_trusted_ends_a_batch(backend, authority, stranger, ca):
    """No event could be recorded, so that one handshake is enough; no secret is sent."""
    shop = Application("Shop", "shop")
    patched = TechnicalControl("Servers are patched", "patched", "VULNERABILITY")
    events = [ComplianceEvent(f"i-{n}", shop, patched, "FLAGGED") for n in range(500)]
    context = side(stranger.issue_cert("127.0.0.1"))
    begun = handshakes(context)
    async with (
        serving(empty, context) as tokens,
        serving(empty, side(authority.issue_cert("127.0.0.1"))) as server,
        backend(verify=tls_context(ca=ca)) as http,
        client(
            server.url,
            http=http,
            auth=ClientCredentials(f"{tokens.url}token", "client", "planted-secret"),
        ) as airview,
    ):
        with pytest.raises(IngestAborted) as caught:
            await airview.ingest(events)
    assert isinstance(caught.value.__cause__, TLSError)
    assert str(caught.value.__cause__).startswith(f"POST {tokens.url}token: the certificate of ")
    report = caught.value.report
    assert report.recorded == 0
    assert report.inputs < len(events)
    assert (tokens.requests, server.requests) == (0, 0)
    assert len(begun) == 1


@BACKENDS
async def test_the_system_s_own_check_can_be_asked(backend, authority, ca, monkeypatch):
    """What macOS and Windows are asked by is a context as any other."""
    monkeypatch.setattr(_tls, "_OWN_STORES", (sys.platform,))
    verify = tls_context(ca=ca)
    assert type(verify).__module__.startswith("truststore")
    async with serving(empty, side(authority.issue_cert("127.0.0.1"))) as server:
        assert await look(backend, server.url, verify) == []
        with pytest.raises(TLSError, match="is not trusted: unable to get local issuer"):
            await look(backend, server.url, verify=True)


@pytest.fixture(scope="module")
def hashed(ca, tmp_path_factory):
    """Keep the authority's certificate in a folder, as OpenSSL finds it there."""
    openssl = shutil.which("openssl") or pytest.skip("there is no openssl that hashes a name")
    told = subprocess.run(
        [openssl, "x509", "-hash", "-noout", "-in", ca], capture_output=True, check=True
    )
    folder = tmp_path_factory.mktemp("hashed")
    shutil.copy(ca, folder / f"{told.stdout.decode().strip()}.0")
    return folder


@BACKENDS
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_the_environment_may_name_the_store(
    backend, authority, ca, hashed, monkeypatch, variable
):
    """As for OpenSSL: a file, or a folder of files that are called by their hashes."""
    monkeypatch.setenv(variable, str(ca if variable == "SSL_CERT_FILE" else hashed))
    async with serving(empty, side(authority.issue_cert("127.0.0.1"))) as server:
        assert await look(backend, server.url, verify=True) == []


@BACKENDS
async def test_a_store_that_is_not_there_is_told(backend, monkeypatch, tmp_path):
    """The variable is named, and nothing is sent."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(
        ConfigurationError, match=r"^SSL_CERT_FILE: .*none\.pem cannot be read: No such file"
    ):
        await look(backend, "https://127.0.0.1:1", verify=True)


@BACKENDS
async def test_no_keys_are_written_because_a_variable_says_so(
    backend, authority, ca, tmp_path, monkeypatch
):
    """With a connection's keys, who has recorded it reads the credentials in it."""
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    verify = tls_context(ca=ca)
    async with serving(empty, side(authority.issue_cert("127.0.0.1"))) as server:
        await look(backend, server.url, verify)
        with pytest.raises(TLSError):
            await look(backend, server.url, verify=True)
        assert not log.exists()
        verify.keylog_filename = str(log)
        await look(backend, server.url, verify)
    assert "TRAFFIC_SECRET" in log.read_text()


@BACKENDS
async def test_a_client_that_trusts_everybody_says_so(backend, stranger, caplog):
    """Certificates are not looked at, and the log warns of it."""
    async with serving(empty, side(stranger.issue_cert("elsewhere.example"))) as server:
        assert await look(backend, server.url, verify=False) == []
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "verify: certificates are not verified, so that anybody may be the server"
    ]


@BACKENDS
async def test_verify_is_a_context_or_a_bool(backend, ca):
    """A path, as older releases of httpx took it, is refused with the way to do it."""
    with pytest.raises(ConfigurationError) as caught:
        backend(verify=str(ca))
    assert str(caught.value) == (
        "verify: must be an ssl.SSLContext or a bool; tls_context(ca=...) makes one of a file"
    )
