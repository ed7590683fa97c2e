"""What clients tell OpenTelemetry, where it is there; nothing, and at no cost, where it is not.

Spans:

- one for each call of a service, named by its method and its route or documented operation;
- `record event` for each event, over the calls that it takes;
- `ingest` for each batch, over its events.

Metrics: `http.client.active_requests` and `http.client.request.duration`, as OpenTelemetry's
conventions for HTTP have them, and `airview_herald.events` by outcome, `airview_herald.retries`,
`airview_herald.throttles` and `airview_herald.token_refreshes`.

URLs are told without their queries, and nothing is told of headers, bodies and events.
"""

from __future__ import annotations

import re
import time
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from urllib.parse import urlsplit

from airview_herald import _extras, _origin, errors
from airview_herald._version import __version__

if typing.TYPE_CHECKING:
    import httpx
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["OpenTelemetry", "Telemetry"]

_Facts = Mapping[str, str | int | float | bool]

_SCOPE = "airview_herald"
_ID = re.compile(r"(?<=/)\d+(?=/|$)")
_TOO_MANY = 429
_ERRORS = 400
# Bounds of the histogram's buckets in seconds, as the semantic conventions advise.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class Telemetry:
    """Tell nobody: `AirView(..., telemetry=Telemetry())`.

    It is what a client has by default unless OpenTelemetry is installed and set up.

    Attributes:
        listens: Whether anybody is told.
    """

    listens: bool = False

    @staticmethod
    def of(given: Telemetry | None) -> Telemetry:
        """Return what a client tells: what it is given, else OpenTelemetry if that is set up.

        Raises:
            ConfigurationError: What it is given is no `Telemetry`.
        """
        if given is None:
            return OpenTelemetry() if _is_set_up() else _NOBODY
        if not isinstance(given, Telemetry):
            raise errors.ConfigurationError(
                f"telemetry: must be a Telemetry, not {type(given).__name__}"
            )
        return given

    def span(
        self,
        name: str,  # noqa: ARG002 - for others
        facts: Callable[[], _Facts],  # noqa: ARG002 - likewise
    ) -> AbstractContextManager[object]:
        """Tell of what is done within.

        Args:
            name: What it is called.
            facts: Gives its attributes once it is done; an `error.type` among them says that it
                failed.
        """
        return _NOTHING

    def settled(self, outcome: str) -> None:
        """Tell what became of an event of a batch."""


_NOBODY = Telemetry()
_NOTHING: AbstractContextManager[object] = nullcontext()


def _is_set_up() -> bool:
    """Return whether somebody has set up what OpenTelemetry's interface hands spans or metrics to.

    Until then it hands out stand-ins, which would cost time and tell nobody.
    """
    try:
        from opentelemetry import metrics, trace  # noqa: PLC0415 - it may not be there
    except ImportError:
        return False
    providers = (trace.get_tracer_provider(), metrics.get_meter_provider())
    return not all("Proxy" in type(provider).__name__ for provider in providers)


class OpenTelemetry(Telemetry):
    """Tell OpenTelemetry; needs the extra `otel`.

    A client does so by itself if a provider is set up when the client is made. Spans are in the
    trace of whoever calls, and requests carry its W3C `traceparent` and `tracestate`: those to the
    origin of the service, and none to a token endpoint elsewhere.

    Args:
        tracer_provider: Takes the spans; by default the global one.
        meter_provider: Takes the metrics; by default the global one.

    Raises:
        ModuleNotFoundError: `opentelemetry-api` is not installed.
    """

    listens = True

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        try:
            from opentelemetry import metrics, propagate, trace  # noqa: F401, PLC0415 - an extra
            from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415 - likewise
        except ImportError:
            raise ModuleNotFoundError(
                f"OpenTelemetry needs its extra: {_extras.install('otel')}"
            ) from None
        scope = (_SCOPE, __version__)
        self._trace = trace
        self._tracer = trace.get_tracer(*scope, tracer_provider)
        # Not the propagators of the environment: baggage must not leave for another company.
        self._propagator = tracecontext.TraceContextTextMapPropagator()
        meter = metrics.get_meter(*scope, meter_provider)
        self._active = meter.create_up_down_counter(
            "http.client.active_requests", "{request}", "Requests in flight."
        )
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "From sending a request to the end of its answer.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._events = meter.create_counter(
            "airview_herald.events", "{event}", "Events of batches, by what became of them."
        )
        self._retries = meter.create_counter(
            "airview_herald.retries", "{retry}", "Requests that are sent again."
        )
        self._throttles = meter.create_counter(
            "airview_herald.throttles", "{answer}", "Answers that say 429."
        )
        self._refreshes = meter.create_counter(
            "airview_herald.token_refreshes", "{refresh}", "Tokens asked for, got or not."
        )

    @contextmanager
    def span(self, name: str, facts: Callable[[], _Facts]) -> Iterator[None]:
        """Put what is done within into a span of its own; see `Telemetry.span`."""
        with self._current(name, self._trace.SpanKind.INTERNAL, {}) as span:
            try:
                yield
            finally:
                found = facts()
                span.set_attributes(found)
                if "error.type" in found:
                    span.set_status(self._trace.StatusCode.ERROR)

    def settled(self, outcome: str) -> None:
        """Count an event of a batch."""
        self._events.add(1, {"airview_herald.outcome": outcome})

    def call(
        self, method: str, base_url: str, target: str, operation: str
    ) -> AbstractContextManager[object]:
        """Put a call of a service into a span, with all its attempts.

        Args:
            method: The HTTP method.
            base_url: Where the service is.
            target: Path and query below it.
            operation: The documented name, or nothing: then the route is what calls are known by.
        """
        path = target.partition("?")[0]
        parts = urlsplit(base_url)
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "url.full": base_url + path,
            "server.address": parts.hostname or "",
            "server.port": parts.port or _origin.PORTS.get(parts.scheme, 0),
        }
        if operation:
            attributes["airview_herald.operation"] = operation
        else:
            operation = attributes["url.template"] = _ID.sub("{id}", path)
        return self._current(f"{method} {operation}", self._trace.SpanKind.CLIENT, attributes)

    def attempted(self, attempt: int, status: int | None = None) -> None:
        """Tell of an attempt of the call that is under way, and of its answer when it came."""
        span = self._trace.get_current_span()
        span.set_attribute("airview_herald.attempts", attempt)
        if attempt > 1:
            span.set_attribute("http.request.resend_count", attempt - 1)
        if status is not None:
            span.set_attribute("http.response.status_code", status)

    @contextmanager
    def request(self, request: httpx.Request, *, carries: bool) -> Iterator[Callable[[int], None]]:
        """Tell of one request on the wire.

        Args:
            request: The request.
            carries: Whether it is to carry the trace.

        Yields:
            To be called with the status of the answer, once that is whole.
        """
        if carries:
            self._propagator.inject(request.headers)
        url = request.url
        where: dict[str, Any] = {
            "http.request.method": request.method,
            "server.address": url.raw_host.decode("ascii"),
            "server.port": url.port or _origin.PORTS.get(url.scheme, 0),
        }
        said: dict[str, Any] = {}

        def answered(status: int) -> None:
            said["http.response.status_code"] = status
            if status >= _ERRORS:
                said["error.type"] = str(status)
            if status == _TOO_MANY:
                self._throttles.add(1, where)

        self._active.add(1, where)
        began = time.perf_counter()
        try:
            yield answered
        except BaseException as error:
            said["error.type"] = _type(error)
            raise
        finally:
            self._duration.record(time.perf_counter() - began, where | said)
            self._active.add(-1, where)

    def retried(self) -> None:
        """Count a request that is about to be sent again."""
        self._retries.add(1)

    def token_refreshed(self, error: BaseException | None) -> None:
        """Count a token that was asked for.

        Args:
            error: Why there is none, if there is none.
        """
        self._refreshes.add(1, {} if error is None else {"error.type": _type(error)})

    @contextmanager
    def _current(self, name: str, kind: Any, attributes: Mapping[str, Any]) -> Iterator[Span]:
        """Begin a span that everything within belongs to, and end it with what came of it."""
        span = self._tracer.start_span(name, kind=kind, attributes=attributes)
        with self._trace.use_span(
            span, end_on_exit=True, record_exception=False, set_status_on_exception=False
        ):
            try:
                yield span
            except BaseException as error:
                self._failed(span, error)
                raise

    def _failed(self, span: Span, error: BaseException) -> None:
        span.set_attribute("error.type", _type(error))
        # Only the type is exported: an error's message may quote the service's answer.
        span.set_status(self._trace.StatusCode.ERROR, type(error).__name__)
        if isinstance(error, errors.AirViewHeraldError) and error.ambiguous:
            span.set_attribute("airview_herald.ambiguous", value=True)


def _type(error: BaseException) -> str:
    """Return what kind of error it is: its status, else its class.

    A cancellation has as many classes as there are event loops, and groups of them.
    """
    if not isinstance(error, Exception):
        return "cancelled"
    if isinstance(error, errors.AirViewHeraldError) and error.status is not None:
        return str(error.status)
    return type(error).__name__
