"""The gateways of a running edge for Prometheus, each under its own labels."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from talkpath.edge.gateways.gateway import State
from talkpath.edge.gateways.table import Gateways

_LABELS = ["gateway", "group"]


def gateway_metrics(gateways: Gateways) -> Iterator[Metric]:
    """Read by another thread than the one that changes them: nothing is changed here, and each value is read once."""
    usable = GaugeMetricFamily("talkpath_gateway_up", "Whether calls are given to the gateway.", labels=_LABELS)
    channels = GaugeMetricFamily("talkpath_gateway_channels", "Calls that run over it.", labels=_LABELS)
    latency = GaugeMetricFamily(
        "talkpath_gateway_latency_seconds", "How long its last first answer took.", labels=_LABELS
    )
    registered = GaugeMetricFamily("talkpath_gateway_registered", "Whether we are registered there.", labels=_LABELS)
    calls = CounterMetricFamily(
        "talkpath_gateway_calls", "Calls that it was given, by what became of them.", labels=[*_LABELS, "outcome"]
    )
    for gateway in list(gateways.all()):
        labels = [gateway.settings.name, gateway.settings.group]
        usable.add_metric(labels, float(gateway.state in (State.NEW, State.UP, State.TRIAL)))
        channels.add_metric(labels, gateway.channels)
        if (latency_s := gateway.latency_s) is not None:
            latency.add_metric(labels, latency_s)
        if gateway.settings.registers:
            registered.add_metric(labels, float(gateway.registration == "registered"))
        for outcome, count in (
            ("given", gateway.attempts),
            ("answered", gateway.answers),
            ("failed", gateway.failures),
        ):
            calls.add_metric([*labels, outcome], count)
    yield from (usable, channels, latency, registered, calls)
