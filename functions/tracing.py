"""W3C trace context: one drop is one trace, from its first object to the last weight change."""

import secrets

from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
_HEADER = "traceparent"


def child_of(traceparent: str | None) -> str:
    """A traceparent below the given one, or the root of a new trace; an unreadable one is new."""
    context = _PROPAGATOR.extract({_HEADER: traceparent} if traceparent else {})
    parent = get_current_span(context).get_span_context()
    child = SpanContext(
        trace_id=parent.trace_id or secrets.randbits(128) or 1,
        span_id=secrets.randbits(64) or 1,
        is_remote=False,
        trace_flags=parent.trace_flags if parent.is_valid else TraceFlags(TraceFlags.SAMPLED),
    )
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, set_span_in_context(NonRecordingSpan(child)))
    return carrier[_HEADER]


def trace_id(traceparent: str) -> str:
    """The 32 hexadecimal digits that name the trace."""
    return traceparent.split("-")[1]
