"""Servers by name, with TLS: real sockets on this machine in place of the Internet."""

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack, asynccontextmanager

import httpcore
import httpx
import trustme
from counting import serving

from airview_herald.transport import PooledTransport, tls_context
from airview_herald.transport._pool import running_backend


class NamedServers:
    """Hosts that can be connected to, each a server of its own.

    Args:
        answers: What answers at each host: a function of the bytes of a request that returns those
            of the answer, or nothing to hang up.

    Attributes:
        answers: As given; may be changed while the servers run.
    """

    def __init__(self, answers):
        self.answers = answers
        self._authority = trustme.CA()
        self._servers = {}

    @asynccontextmanager
    async def running(self):
        """Serve all of them while the block lasts."""
        async with AsyncExitStack() as stack:
            for host in self.answers:
                tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._authority.issue_cert(host).configure_cert(tls)
                server = await stack.enter_async_context(serving(self._answering(host), tls))
                self._servers[host] = server
            yield self

    def received(self, host):
        """Return the requests that came to a host, as one text."""
        return b"\n".join(self._servers[host].received).decode("latin-1")

    def forget(self):
        """Forget what came."""
        for server in self._servers.values():
            server.received.clear()

    @asynccontextmanager
    async def transport(self, backend):
        """Give a transport that finds them, and nothing else."""
        with self._authority.cert_pem.tempfile() as ca:
            verify = tls_context(ca=ca, system=False)
        if backend is PooledTransport:
            http = PooledTransport(verify=verify, network_backend=_Network(self.address))
        else:
            http = backend(verify=verify)
            asyncio.get_running_loop().getaddrinfo = self._found
        async with http:
            yield http

    def address(self, host):
        """Return where a host is.

        Raises:
            OSError: Nowhere.
        """
        if host not in self._servers:
            raise socket.gaierror(socket.EAI_NONAME, f"no {host} here")
        return "127.0.0.1", httpx.URL(self._servers[host].url).port

    async def _found(self, host, _port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", self.address(host))]

    def _answering(self, host):
        async def answer(stream, _served):
            answered = self.answers[host](self._servers[host].received[-1])
            if answered:
                await stream.send(answered)
            return answered.startswith(b"HTTP/1.1 ") and b"Content-Length" in answered

        return answer


class _Network(httpcore.AsyncNetworkBackend):
    """httpcore's own network, but for the names."""

    def __init__(self, address):
        self._address = address

    async def connect_tcp(self, host, port, *options):  # noqa: ARG002 - httpcore's interface
        try:
            found = self._address(host)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return await running_backend().connect_tcp(*found, *options)


def answered(status, body=b"", **headers):
    """Return the bytes of an answer."""
    head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
    head += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
