"""Numbers for Prometheus.

Enters: what happens to requests. Leaves: the text of /metrics. Always holds: labels have few values, and none
of them holds content of a request or an answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from r1v.core import Completion
from r1v.llm import LLM

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class EngineCollector:
    """Reads the engine when it is asked."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm

    def collect(self) -> Iterator[Metric]:
        """What the engine is doing, and its counters."""
        load = self._llm.load
        for name, text, value in (
            ("r1v_running_sequences", "Sequences being decoded", float(load.num_running)),
            ("r1v_waiting_sequences", "Sequences that wait for the engine", float(load.num_waiting)),
            ("r1v_cache_use_ratio", "Part of the key-value cache in use", load.cache_use),
            ("r1v_engine_stalled_seconds", "Seconds without progress while there is work", load.stalled_s),
            ("r1v_engine_up", "1 while the engine takes requests", float(not load.failure)),
        ):
            yield GaugeMetricFamily(name, text, value)
        for name, count in load.counters.items():
            yield CounterMetricFamily(
                f"r1v_engine_{name.removeprefix('num_')}",
                f"Engine: {name.removeprefix('num_')}",
                float(count),
            )


class Metrics:
    """One server's numbers, in a registry of their own."""

    def __init__(self, llm: LLM) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(EngineCollector(llm))
        self.requests = Counter(
            "r1v_http_requests", "Requests by route and status", ["route", "status"], registry=self.registry
        )
        self._num_requests = 0
        self.finished = Counter(
            "r1v_finished", "Completions by how they ended", ["reason", "detail"], registry=self.registry
        )
        self.refused = Counter(
            "r1v_refused", "Requests that were not begun", ["reason"], registry=self.registry
        )
        self.tokens = Counter("r1v_tokens", "Tokens by kind", ["kind"], registry=self.registry)
        self.first_token_s = self._histogram(
            "r1v_first_token_seconds", "From arrival to the first token", _SECONDS
        )
        self.token_s = self._histogram(
            "r1v_inter_token_seconds", "Between tokens of a completion", _TOKEN_SECONDS
        )
        self.request_s = self._histogram("r1v_request_seconds", "From arrival to the end", _SECONDS)
        self.prepare_s = self._histogram(
            "r1v_prepare_seconds", "Fetching and opening images, encoding the prompt", _SECONDS
        )

    @property
    def num_requests(self) -> int:
        """Requests that have ended, of every kind."""
        return self._num_requests

    def request(self, route: str, status: int) -> None:
        """Count a request that has ended."""
        self._num_requests += 1
        self.requests.labels(route, str(status)).inc()

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, buckets=buckets, registry=self.registry)

    def completed(self, completion: Completion, reason: str, detail: str | None) -> None:
        """Count a completion as it ended."""
        self.finished.labels(reason, detail or "none").inc()
        usage = completion.usage
        if completion.index == 0:
            self.tokens.labels("prompt").inc(usage.prompt_tokens)
            self.tokens.labels("image").inc(usage.image_tokens)
            self.tokens.labels("cached").inc(usage.cached_tokens)
        self.tokens.labels("output").inc(usage.completion_tokens)
        self.tokens.labels("reasoning").inc(usage.reasoning_tokens)

    def text(self) -> bytes:
        """The page that Prometheus reads."""
        return generate_latest(self.registry)
