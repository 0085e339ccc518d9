"""The applications that are compared, one module each, and what each must emit."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Variant:
    """One application: its name, what it is in words, and what a request makes it emit.

    `module` has `create_app()`. `spans` are those of one sampled request, `lines` its log lines,
    and `histogram` the duration histogram in which it is observed once. `environment` holds the
    variables that its recipe asks for.
    """

    name: str
    text: str
    module: str
    spans: int = 0
    lines: int = 0
    histogram: str = ""
    environment: tuple[tuple[str, str], ...] = ()


BARE: Final = Variant("bare", "FastAPI alone", "benchmarks.variants.bare")
USUAL: Final = Variant(
    "usual",
    "contrib instrumentation, structlog, prometheus-fastapi-instrumentator",
    "benchmarks.variants.usual",
    spans=4,
    lines=1,
    histogram="http_request_duration_seconds",
)
TUNED: Final = Variant(
    "tuned",
    "the same with one span, stable names and full route labels",
    "benchmarks.variants.tuned",
    spans=1,
    lines=1,
    histogram="http_request_duration_seconds",
    environment=(("OTEL_SEMCONV_STABILITY_OPT_IN", "http"),),
)
NATIVE: Final = Variant(
    "native",
    "FastAPI's own spans with a lean log line and histogram",
    "benchmarks.variants.native",
    spans=4,
    lines=1,
    histogram="http_server_request_duration_seconds",
)
GENERATED: Final = Variant(
    "generated",
    "a service of this template",
    "app.main",
    spans=1,
    lines=1,
    histogram="http_server_request_duration_seconds",
)

VARIANTS: Final = (BARE, USUAL, TUNED, NATIVE, GENERATED)


def named(name: str) -> Variant:
    """Return the variant of that name; raises KeyError when there is none."""
    return {variant.name: variant for variant in VARIANTS}[name]
