"""Rate, errors and duration of each route, read from a service's /metrics."""

from collections import defaultdict
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

DURATION = "http_server_request_duration_seconds"


@dataclass(frozen=True)
class Route:
    """One route's figures; durations in seconds, None when nothing was observed."""

    method: str
    route: str
    requests: float
    errors: float
    p50: float | None
    p99: float | None


def routes(metrics: str) -> list[Route]:
    """Return the routes that were asked for, from the classic text format."""
    requests: dict[tuple[str, str], float] = defaultdict(float)
    errors: dict[tuple[str, str], float] = defaultdict(float)
    buckets: dict[tuple[str, str], dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for family in text_string_to_metric_families(metrics):
        if family.name != DURATION:
            continue
        for sample in family.samples:
            key = (sample.labels["http_request_method"], sample.labels["http_route"])
            if sample.name == f"{DURATION}_bucket":
                buckets[key][float(sample.labels["le"])] += sample.value
            elif sample.name == f"{DURATION}_count":
                requests[key] += sample.value
                if sample.labels["http_response_status_code"].startswith("5"):
                    errors[key] += sample.value
    return [
        Route(*key, count, errors[key], quantile(0.5, buckets[key]), quantile(0.99, buckets[key]))
        for key, count in sorted(requests.items())
        if count
    ]


def quantile(share: float, cumulative: dict[float, float]) -> float | None:
    """Estimate a quantile in seconds as PromQL's histogram_quantile does.

    `cumulative` maps each upper bound, infinity included, to the observations at or below it.
    """
    bounds = sorted(cumulative)
    if not bounds or not cumulative[bounds[-1]]:
        return None
    rank = share * cumulative[bounds[-1]]
    lower, below = 0.0, 0.0
    for bound in bounds[:-1]:
        if cumulative[bound] >= rank:
            inside = cumulative[bound] - below
            return lower + (bound - lower) * (rank - below) / inside if inside else bound
        lower, below = bound, cumulative[bound]
    return lower
