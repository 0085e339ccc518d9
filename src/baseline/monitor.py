"""What the drill asks: Prometheus, Alertmanager, the webhook log, Jaeger and Loki."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from baseline import trace


@dataclass(frozen=True)
class Monitor:
    """The stack's APIs. Each method returns what is there now, or something empty."""

    client: httpx.AsyncClient

    async def firing(self, alert: str, service: str) -> dict[str, Any] | None:
        """Return the alert as Prometheus has it, pending or firing."""
        answer = await self._get("prometheus", "/api/v1/alerts")
        return next(
            (one for one in answer["data"]["alerts"] if _is(one["labels"], alert, service)), None
        )

    async def held(self, alert: str, service: str) -> dict[str, Any] | None:
        """Return the alert as Alertmanager has it, active or suppressed."""
        answer = await self._get("alertmanager", "/api/v2/alerts")
        return next((one for one in answer if _is(one["labels"], alert, service)), None)

    async def sent(
        self, alert: str, service: str, status: str, since: str
    ) -> dict[str, Any] | None:
        """Return the newest notification of an alert with this status, sent at `since` or later."""
        found = [
            one
            for one in await self._get("webhook", "/notifications")
            for told in one["alerts"]
            if told["status"] == status and _is(told["labels"], alert, service)
        ]
        return next((one for one in reversed(found) if one["timestamp"] >= since), None)

    async def query(self, expression: str) -> list[Any]:
        """Return the series of a PromQL expression."""
        answer = await self._get("prometheus", "/api/v1/query", query=expression)
        return list(answer["data"]["result"])

    async def label_values(self, label: str) -> list[str]:
        """Return the values of a label."""
        answer = await self._get("prometheus", f"/api/v1/label/{label}/values")
        return list(answer["data"])

    async def exemplars(self, selector: str, since: float) -> list[dict[str, Any]]:
        """Return the exemplars of a selector's series, each with the series' labels."""
        answer = await self._get(
            "prometheus", "/api/v1/query_exemplars", query=selector, start=since, end=time.time()
        )
        return [
            {**exemplar, "series": one["seriesLabels"]}
            for one in answer["data"]
            for exemplar in one["exemplars"]
        ]

    async def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the spans of a trace, by Jaeger's own format."""
        answer = await self.client.get(f"{trace.address('jaeger')}/api/traces/{trace_id}")
        if answer.status_code != 200:
            return []
        return [span for one in answer.json()["data"] for span in one["spans"]]

    async def lines(self, trace_id: str) -> list[str]:
        """Return the log lines of a trace."""
        now = time.time_ns()
        answer = await self._get(
            "loki", "/loki/api/v1/query_range", query=trace.lines_query(trace_id),
            start=now - 3600 * 10**9, end=now,
        )  # fmt: skip
        streams = answer["data"]["result"]
        return [line for stream in streams for _, line in stream["values"]]

    async def _get(self, component: str, path: str, **parameters: Any) -> Any:
        answer = await self.client.get(f"{trace.address(component)}{path}", params=parameters)
        answer.raise_for_status()
        return answer.json()


def _is(labels: Mapping[str, str], alert: str, service: str) -> bool:
    return labels.get("alertname") == alert and labels.get("service_name") == service
