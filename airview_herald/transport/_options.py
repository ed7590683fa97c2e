"""How a client sends: loose arguments, checked once and frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self, TypeVar

import attrs
import httpx

from airview_herald._headers import checked_headers
from airview_herald._numbers import is_number
from airview_herald._origin import checked_url
from airview_herald._secret import Secret
from airview_herald._version import __version__
from airview_herald.errors import ConfigurationError
from airview_herald.transport._call import Reply
from airview_herald.transport._limits import Limits
from airview_herald.transport._observer import checked_observer
from airview_herald.transport._retry import Retry

# A client's defaults, in seconds.
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
TOTAL = 120.0

T = TypeVar("T")

OnReply = Callable[[Reply], None]


@attrs.frozen
class Options:
    """How a client sends; derived, never changed.

    Attributes:
        base_url: Where every target is joined to, without a trailing slash.
        headers: Headers of every request.
        timeout: Limits of connecting, of each read and each write, and of waiting for a
            connection, in seconds.
        total: Limit of a single call with all its attempts, in seconds.
        retry: The retry policy.
        settle: How long the server may still be working on a request that it did not answer, in
            seconds.
        on_reply: Told of each answer of the service as it arrived.
        allow_http: Whether credentials may go to another machine over plain http.
        limits: How much is taken from the server.
    """

    base_url: str
    headers: Mapping[str, Secret]
    timeout: httpx.Timeout
    total: float
    retry: Retry
    settle: float
    on_reply: OnReply | None = None
    allow_http: bool = False
    limits: Limits = attrs.field(factory=Limits)

    @classmethod
    def of(  # noqa: PLR0913 - the arguments of a client
        cls,
        base_url: str,
        *,
        bare: bool,
        timeout: float | httpx.Timeout,
        retry: Retry | None,
        headers: Mapping[str, str | Secret] | None,
        allow_http: bool,
        settle: float,
        on_reply: OnReply | None,
        limits: Limits | None = None,
    ) -> Self:
        """Return checked options.

        Args:
            base_url: As the caller gave it.
            bare: Whether the client has no credential to protect but its headers.
            timeout: Seconds, or the single limits.
            retry: The policy, or `None` for the default one.
            headers: The caller's headers.
            allow_http: As the caller gave it.
            settle: Seconds.
            on_reply: The caller's callback.
            limits: The limits, or `None` for the default ones.

        Raises:
            ConfigurationError: A setting cannot work; the message names it.
        """
        if not is_number(settle) or not settle >= 0:
            raise ConfigurationError("settle: must be seconds, not negative")
        own: dict[str, str | Secret] = {
            "Accept": "application/json",
            "User-Agent": f"airview-herald/{__version__}",
        }
        return cls(
            base_url=checked_url(
                base_url, "base_url", allow_http=allow_http or (bare and not headers)
            ),
            headers=_merged(checked_headers(own), checked_headers(headers or {})),
            timeout=_checked_timeout(timeout),
            total=TOTAL,
            retry=Retry() if retry is None else _checked("retry", retry, Retry),
            settle=settle,
            on_reply=checked_observer(on_reply, "on_reply"),
            allow_http=allow_http,
            limits=Limits() if limits is None else _checked("limits", limits, Limits),
        )

    def changed(
        self,
        *,
        timeout: float | httpx.Timeout | None,
        retry: Retry | None,
        headers: Mapping[str, str | Secret] | None,
        on_reply: OnReply | None,
        limits: Limits | None = None,
    ) -> Self:
        """Return the same options with others in place of some; `None` keeps what is there.

        Raises:
            ConfigurationError: A setting cannot work; the message names it.
        """
        if headers:
            checked_url(self.base_url, "base_url", allow_http=self.allow_http)
        return attrs.evolve(
            self,
            timeout=self.timeout if timeout is None else _checked_timeout(timeout),
            retry=self.retry if retry is None else _checked("retry", retry, Retry),
            headers=_merged(self.headers, checked_headers(headers or {})),
            on_reply=checked_observer(on_reply, "on_reply") or self.on_reply,
            limits=self.limits if limits is None else _checked("limits", limits, Limits),
        )


def _merged(headers: Mapping[str, Secret], others: Mapping[str, Secret]) -> dict[str, Secret]:
    """Return both, the others over those of the same name in whatever case."""
    replaced = {name.lower() for name in others}
    return {k: v for k, v in headers.items() if k.lower() not in replaced} | dict(others)


def _checked(name: str, value: T, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name}: must be a {kind.__name__}, not {type(value).__name__}")
    return value


def _checked_timeout(timeout: float | httpx.Timeout) -> httpx.Timeout:
    """Return the limits that a number of seconds stands for, or those that were given."""
    if not isinstance(timeout, httpx.Timeout) and not is_number(timeout):
        raise ConfigurationError(
            f"timeout: must be seconds or an httpx.Timeout, not {type(timeout).__name__}"
        )
    if not isinstance(timeout, httpx.Timeout):
        timeout = httpx.Timeout(timeout, connect=min(timeout, 5.0))
    if any(seconds is not None and not seconds > 0 for seconds in timeout.as_dict().values()):
        raise ConfigurationError("timeout: must be more than 0 seconds")
    return timeout
