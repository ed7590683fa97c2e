"""What OpenTelemetry is told, kept in memory by its own SDK."""

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from airview_herald.telemetry import OpenTelemetry


class Told:
    """What was told so far."""

    def __init__(self):
        self._spans, self._metrics = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._metrics], shutdown_on_exit=False)
        self.telemetry = OpenTelemetry(self.tracers, self.meters)

    def spans(self, name=None):
        """Return the spans that have ended, those of a name or all."""
        ended = self._spans.get_finished_spans()
        return [span for span in ended if name in (None, span.name)]

    def points(self, name):
        """Return a metric's points as (attributes, point)."""
        data = self._metrics.get_metrics_data()
        metrics = [
            metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return [(dict(p.attributes), p) for metric in metrics for p in metric.data.data_points]

    def count(self, name, **attributes):
        """Return the sum of a counter's points that have certain attributes."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        points = self.points(name)
        return sum(point.value for own, point in points if wanted.items() <= own.items())

    def text(self):
        """Return all that was told, as it would be sent."""
        data = self._metrics.get_metrics_data()
        return "".join(span.to_json() for span in self.spans()) + (data.to_json() if data else "")
