"""What a request can meet."""

from enum import StrEnum


class FaultKind(StrEnum):
    """What a request can meet; a plain string of the same text does as well.

    | kind                  | carried out     | what the client sees                           |
    |-----------------------|-----------------|------------------------------------------------|
    | `too_many_seconds`    | no              | 429 with `Retry-After` in seconds              |
    | `too_many_date`       | no              | 429 with `Retry-After` as a date               |
    | `too_many`            | no              | 429 without that header                        |
    | `unavailable`         | no              | 503 in the service's own shape                 |
    | `unavailable_empty`   | no              | 503 without a body                             |
    | `unavailable_html`    | no              | 503 as a gateway's page                        |
    | `reset`               | no              | an RST as its request arrives                  |
    | `closed`              | no              | the end of the connection, likewise            |
    | `revoked`             | no              | 401: its token no longer holds                 |
    | `expired`             | no              | 401: no token issued so far holds any longer   |
    | `dropped`             | yes             | the end of the connection                      |
    | `internal_error`      | yes             | 500 in the service's own shape                 |
    | `bad_gateway`         | yes             | 502 as a gateway's page                        |
    | `gateway_timeout`     | yes             | 504 as a gateway's page                        |
    | `truncated`           | yes             | the answer up to some byte of it               |
    | `garbled`             | yes             | the status, and a body that is no JSON         |
    | `html`                | yes             | 200 with a gateway's page                      |
    | `late`                | after a delay   | nothing in time, then the connection's end     |
    | `dripped`             | yes             | the answer, a few bytes at a time              |

    `revoked` and `expired` strike requests with a token where tokens are asked for: Herald's, and
    AirView's with `require_token`. `garbled` strikes answers that have a body. Herald and the
    token endpoint document no shape of a 503, so that `unavailable` strikes AirView only.
    """

    TOO_MANY_SECONDS = "too_many_seconds"
    TOO_MANY_DATE = "too_many_date"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    UNAVAILABLE_EMPTY = "unavailable_empty"
    UNAVAILABLE_HTML = "unavailable_html"
    RESET = "reset"
    CLOSED = "closed"
    REVOKED = "revoked"
    EXPIRED = "expired"
    DROPPED = "dropped"
    INTERNAL_ERROR = "internal_error"
    BAD_GATEWAY = "bad_gateway"
    GATEWAY_TIMEOUT = "gateway_timeout"
    TRUNCATED = "truncated"
    GARBLED = "garbled"
    HTML = "html"
    LATE = "late"
    DRIPPED = "dripped"


# Kinds by which no request is carried out, and at most the connection is lost.
REFUSALS = frozenset(
    {
        FaultKind.TOO_MANY_SECONDS,
        FaultKind.TOO_MANY_DATE,
        FaultKind.TOO_MANY,
        FaultKind.UNAVAILABLE,
        FaultKind.UNAVAILABLE_EMPTY,
        FaultKind.UNAVAILABLE_HTML,
        FaultKind.RESET,
        FaultKind.CLOSED,
    }
)
TOKEN_FAULTS = frozenset({FaultKind.REVOKED, FaultKind.EXPIRED})
