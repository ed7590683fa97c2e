"""Why a TLS handshake failed, in words."""

from __future__ import annotations

import ssl

import httpx

# OpenSSL's codes for an unknown issuer: the certificate is self-signed, or its authority is unknown
# or cannot be found.
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21, 27})
_BY_REASON = {
    **dict.fromkeys(
        ("TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"),
        "{host} speaks no TLS 1.2 or later",
    ),
    **dict.fromkeys(
        ("HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "WRONG_VERSION_NUMBER"),
        "{host} speaks no TLS there; it may be served as http",
    ),
}
_ABOUT_OURS = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
)


def fault_of(caught: BaseException, host: str) -> str | None:
    """Return why a server and its client do not trust each other, or speak no TLS in common.

    Args:
        caught: What a request failed with.
        host: The server, with its port if it is another than usual.

    Returns:
        A sentence that names the server; `None` when it was something else, such as a connection
        that was cut, which may go better the next time.
    """
    error = _tls_error(caught)
    if error is None:
        return None
    reason = _reason(error)
    # In TLS 1.3 the server refuses a client's certificate only after the handshake.
    if reason in _ABOUT_OURS:
        return (
            f"{host} refuses the client certificate, or wants one: {_words(error)}; "
            "verify=tls_context(cert=...) shows it one"
        )
    if not isinstance(caught, httpx.ConnectError):
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error, host)
    sentence = _BY_REASON.get(reason, "there is no TLS with {host}")
    return f"{sentence.format(host=host)}: {_words(error)}"


def _untrusted(error: ssl.SSLCertVerificationError, host: str) -> str:
    why = getattr(error, "verify_message", "") or str(error)
    fault = f"the certificate of {host} is not trusted: {why.rstrip('.')}"
    if getattr(error, "verify_code", 0) in _UNKNOWN_ISSUER:
        fault += "; if its authority is your own, name it with verify=tls_context(ca=...)"
    return fault


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """Return what TLS failed with, at the bottom of a chain of errors."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            ended = isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
            return None if ended else error
        error = error.__cause__ or error.__context__
    return None


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's name for a fault; an error that somebody else raises may have none."""
    return getattr(error, "reason", None) or ""


def _words(error: ssl.SSLError) -> str:
    return (_reason(error) or str(error)).replace("_", " ").lower()
