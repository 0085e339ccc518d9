"""Which traces are kept: the samplers that OTEL_TRACES_SAMPLER can name, as one decision.

The SDK's own make fourteen calls for it, and each request asks.
"""

from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

from .settings import SAMPLERS_WITH_RATIO, ObservabilitySettings

_LOW: Final = 2**64 - 1  # the bits of a trace id that the SDK's ratio sampler takes for random


class HeadSampler(Sampler):
    """Keeps a share of the traces that begin here, from 0 to 1.

    With `follow`, a caller's decision stands; without, each span is decided by its trace id.
    """

    def __init__(self, share: float, follow: bool) -> None:
        self._share = share
        self._bound = round(share * 2**64)
        self._follow = follow

    def keeps(self, trace_id: int, parent: SpanContext | None) -> bool:
        """Say whether a span is recorded and exported; `parent` is valid or None."""
        if self._follow and parent is not None:
            return parent.trace_flags.sampled
        return trace_id & _LOW < self._bound

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide as the SDK asks it (Trace SDK, ShouldSample)."""
        caller = get_current_span(parent_context).get_span_context()
        parent = caller if caller.is_valid else None
        kept = self.keeps(trace_id, parent)
        return SamplingResult(
            Decision.RECORD_AND_SAMPLE if kept else Decision.DROP,
            attributes if kept else None,
            parent.trace_state if parent else None,
        )

    def get_description(self) -> str:
        """Return the sampler in words."""
        return f"HeadSampler{{share={self._share}, follow={self._follow}}}"


def sampler(settings: ObservabilitySettings) -> HeadSampler:
    """Return the sampler that the variables ask for (Environment Variable Specification)."""
    name = settings.otel_traces_sampler
    if name in SAMPLERS_WITH_RATIO:
        share = float(settings.otel_traces_sampler_arg or 1)
    else:
        share = float(name.endswith("always_on"))
    return HeadSampler(share, follow=name.startswith("parentbased"))
