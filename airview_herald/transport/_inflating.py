"""Compressed bodies, decompressed step by step: a bomb is dropped before it fills the memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import httpx

# zlib's window sizes for gzip, for deflate, and for deflate without a head, as some servers send.
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
_STEP = 65_536
_CODINGS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
# Each coding takes another pass, and no server has a reason for more.
_MOST_CODINGS = 2


def inflated(content: bytes, response: httpx.Response, grown: Callable[[int], None]) -> bytes:
    """Return a body without what its `Content-Encoding` says was done to it.

    Args:
        content: The body as sent.
        response: Its answer.
        grown: Told how long it has become; raises to stop it.

    Raises:
        httpx.DecodingError: It is not what the header says, is cut short or goes on behind its
            end, or the header names a coding that nobody asked for.
    """
    codings = response.headers.get("content-encoding") if content else None
    if codings is None:
        return content
    named = [each for name in codings.split(",") if (each := name.strip().lower()) != "identity"]
    # Messages do not repeat the names of codings, which are the server's words.
    if len(named) > _MOST_CODINGS:
        raise httpx.DecodingError("the body is encoded more than twice", request=response.request)
    if not _CODINGS.keys() >= set(named):
        raise httpx.DecodingError(
            "the body is encoded otherwise than in gzip or deflate", request=response.request
        )
    for name in reversed(named):
        try:
            content = _inflated(content, _CODINGS[name], grown)
        except (zlib.error, EOFError) as error:
            raise httpx.DecodingError(
                f"the body is no whole {name}: {error}", request=response.request
            ) from None
    return content


def _inflated(content: bytes, window: int, grown: Callable[[int], None]) -> bytes:
    inflater = zlib.decompressobj(_RAW if window == _ZLIB and not _has_head(content) else window)
    whole = bytearray()
    # In pieces, since `decompress` copies the input that it has not used at every step.
    for start in range(0, len(content), _STEP):
        if inflater.eof:
            break
        piece = content[start : start + _STEP]
        while piece and not inflater.eof:
            whole += inflater.decompress(piece, _STEP)
            grown(len(whole))
            piece = inflater.unconsumed_tail
    while not inflater.eof:
        rest = inflater.decompress(b"", _STEP)
        if not rest:
            raise EOFError("it is cut short")
        whole += rest
        grown(len(whole))
    if inflater.unused_data or start + _STEP < len(content):
        raise EOFError("it goes on behind its end")
    return bytes(whole)


def _has_head(content: bytes) -> bool:
    """Return whether a deflated body has the two bytes before it that RFC 9110 wants."""
    head = int.from_bytes(content[:2], "big")
    return head >> 8 & 0x0F == zlib.DEFLATED and head % 31 == 0
