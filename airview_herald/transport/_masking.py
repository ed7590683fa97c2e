"""What a refusal repeats of its request's credential: a proxy's page may show every header."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import attrs
import httpx

from airview_herald._secret import masked
from airview_herald.transport._call import Reply

# Headers that never hold a credential.
PUBLIC = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "host"),
        *("traceparent", "tracestate", "user-agent"),
    }
)


def without_credential(reply: Reply, request: httpx.Request) -> Reply:
    """Return an answer with what it repeats of a request's credential masked.

    Args:
        reply: The answer, as it arrived.
        request: The request that was sent for it.
    """
    secrets = [
        part
        for name, value in request.headers.items()
        if name not in PUBLIC
        for part in _parts(value)
    ]
    content = masked(reply.content, secrets)
    request_id = reply.request_id
    if request_id is not None:
        request_id = masked(request_id.encode(), secrets).decode()
    if (content, request_id) == (reply.content, reply.request_id):
        return reply
    facts = attrs.evolve(reply.facts, request_id=request_id)
    return attrs.evolve(reply, content=content, facts=facts)


def _parts(value: str) -> Iterator[str]:
    """Return a header's value, and what in it is secret by itself."""
    yield value
    scheme, _, credential = value.partition(" ")
    yield credential
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(credential, validate=True).decode()
        except ValueError:
            return
        yield pair
        yield pair.partition(":")[2]
