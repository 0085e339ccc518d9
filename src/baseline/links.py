"""Follow the links of a firing alert, as the person on call would: does each lead somewhere?"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from baseline import stack, template, trace
from baseline.monitor import Monitor


class DeadLinkError(Exception):
    """A link of an alert leads nowhere; the text says which one and why."""


@dataclass(frozen=True)
class Evidence:
    """What the links lead to."""

    runbook: str
    dashboard: str
    trace: str
    lines: int


IsCulprit = Callable[[dict[str, Any]], bool]
"""Says whether an exemplar is of a request that made the alert fire."""


async def follow(
    monitor: Monitor, alert: Mapping[str, Any], is_culprit: IsCulprit, since: float
) -> Evidence | None:
    """Open every link, and go on from the metric to a trace and its log lines.

    Returns None as long as trace or lines are not stored yet. Raises DeadLinkError.
    """
    name, service = alert["labels"]["alertname"], alert["labels"]["service_name"]
    links = alert["annotations"]
    page = await monitor.client.get(links["runbook_url"])
    if page.status_code != 200:
        raise DeadLinkError(f"runbook_url {links['runbook_url']} answers {page.status_code}")
    if name not in page.text:
        raise DeadLinkError(f"runbook_url {links['runbook_url']} does not speak of {name}")
    expression = parse_qs(urlsplit(links["query_url"]).query)["g0.expr"][0]
    if not await monitor.query(expression):
        raise DeadLinkError(f"the query of query_url has no result: {expression}")
    await _dashboard(monitor, links["dashboard_url"])
    trace_id = await _trace(monitor, service, is_culprit, since)
    if not trace_id or not (lines := await monitor.lines(trace_id)):
        return None
    shown = f"{trace.address('jaeger')}/trace/{trace_id}"
    return Evidence(links["runbook_url"], links["dashboard_url"], shown, len(lines))


async def exemplars(monitor: Monitor, service: str, since: float) -> list[dict[str, Any]]:
    """Return the exemplars of a service's requests."""
    selector = f'http_server_request_duration_seconds_bucket{{service_name="{service}"}}'
    return await monitor.exemplars(selector, since)


async def _trace(monitor: Monitor, service: str, is_culprit: IsCulprit, since: float) -> str:
    """Return the id of a stored trace of a request that is to blame, found by its exemplar."""
    for exemplar in await exemplars(monitor, service, since):
        trace_id = str(exemplar["labels"]["trace_id"])
        if is_culprit(exemplar) and await monitor.spans(trace_id):
            return trace_id
    return ""


async def _dashboard(monitor: Monitor, url: str) -> None:
    """Check that the dashboard exists, and that each variable in the link has such a value."""
    parts = urlsplit(url)
    uid = parts.path.removeprefix("/d/")
    if stack.is_ready(stack.component("grafana")):
        answer = await monitor.client.get(f"{trace.address('grafana')}/api/dashboards/uid/{uid}")
        dashboard = answer.json().get("dashboard", {})
    else:
        path = template.root() / f"grafana/dashboards/{uid}.json"
        dashboard = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if dashboard.get("uid") != uid:
        raise DeadLinkError(f"there is no dashboard {uid!r}: {url}")
    known = {one["name"]: one for one in dashboard["templating"].get("list", [])}
    for name, (value, *_) in parse_qs(parts.query, keep_blank_values=True).items():
        if not name.startswith("var-"):
            continue
        variable = known.get(name.removeprefix("var-"))
        if variable is None:
            raise DeadLinkError(f"dashboard {uid!r} has no variable {name}: {url}")
        label = re.fullmatch(r"label_values\(.+, (\w+)\)", str(variable.get("query")))
        if label and value not in await monitor.label_values(label[1]):
            raise DeadLinkError(f"no series has {label[1]}={value!r}: {url}")
