"""Every query of every dashboard returns data, and every link leads somewhere."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from baseline import local, stack, trace
from tests.e2e.support import eventually, grafana_runs, lines, prometheus, report
from tests.support import ROOT

FOLDER = ROOT / "grafana/dashboards"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
VALUES = {
    "$environment": "development", "$service": "orders", "$route": ".*",
    "$__rate_interval": "1m",
}  # fmt: skip
# What has nothing to show while all is well.
EMPTY_WHEN_WELL = {("service-red", "Alerts")}


def filled(expression: str) -> str:
    """Put a value into each variable of a query."""
    for name, text in VALUES.items():
        expression = expression.replace(name, text)
    assert "$" not in expression, expression
    return expression


def queries(kind: str) -> Iterator[tuple[str, str, str]]:
    """Yield dashboard, panel and expression of each query for a kind of datasource."""
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                if target["datasource"]["type"] == kind:
                    yield name, panel["title"], target["expr"]


@pytest.mark.parametrize(("dashboard", "panel", "expression"), list(queries("prometheus")))
def test_promql_returns_data(dashboard: str, panel: str, expression: str) -> None:
    """A panel that shows nothing is a panel that nobody has looked at."""
    found = prometheus("query", query=filled(expression))["result"]
    if (dashboard, panel) not in EMPTY_WHEN_WELL:
        assert found, expression
        numbers = [float(one["value"][1]) for one in found]
        assert not all(map(math.isnan, numbers)), expression


@pytest.mark.parametrize(("dashboard", "panel", "expression"), list(queries("loki")))
def test_logql_returns_lines(dashboard: str, panel: str, expression: str) -> None:
    """So with log panels."""
    assert lines(filled(expression)), (dashboard, panel)


def test_variables_and_annotations_return_data() -> None:
    """Each variable has a value, and each annotation's query is one that Prometheus takes."""
    for dashboard in DASHBOARDS.values():
        for variable in dashboard["templating"].get("list", []):
            series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()  # type: ignore[union-attr]
            found = prometheus(f"label/{label}/values", **{"match[]": filled(series)})
            assert found, variable["name"]
        for annotation in dashboard["annotations"].get("list", []):
            if annotation.get("expr"):
                # Version changes are rare: the examples' start is one, within the last hour.
                always = filled(annotation["expr"]).replace("offset 1m", "offset 1h")
                assert prometheus("query", query=always)["result"], annotation["name"]


def test_links_from_a_trace_return_data() -> None:
    """What Grafana asks for when a span is clicked: the service's metrics, the trace's lines."""
    provisioned = yaml.safe_load((ROOT / "grafana/provisioning/datasources/stack.yaml").read_text())
    (jaeger,) = (one["jsonData"] for one in provisioned["datasources"] if one["uid"] == "jaeger")
    tags = 'service_name="orders"'
    for query in jaeger["tracesToMetrics"]["queries"]:
        assert prometheus("query", query=query["query"].replace("$$__tags", tags))["result"]
    placed = local.post(f"{stack.example('orders')}/orders", json={"item": "a", "amount_cents": 1})
    trace_id = placed.headers["traceresponse"].split("-")[1]
    asked = jaeger["tracesToLogsV2"]["query"]
    query = asked.replace("$${__tags}", tags).replace("$${__trace.traceId}", trace_id)
    assert eventually(lambda: lines(query))


def test_figures_agree_with_the_traffic() -> None:
    """The panels' own queries say what was sent."""
    red = {
        panel["title"]: panel["targets"][0]["expr"] for panel in DASHBOARDS["service-red"]["panels"]
    }

    def figure(title: str) -> float:
        return float(prometheus("query", query=filled(red[title]))["result"][0]["value"][1])

    assert 1 < figure("Requests") < 10
    assert 0 <= figure("Errors") < 0.1
    assert 0 < figure("p99") < 5
    assert figure("Replicas up") == 1
    panels = sum(len(dashboard["panels"]) for dashboard in DASHBOARDS.values())
    report("dashboards' panels, every query of which returns data", panels)
    report("requests a second of orders, by its dashboard", round(figure("Requests"), 2))


def test_uids_and_links_resolve() -> None:
    """Every datasource, dashboard and variable that is named exists."""
    provisioned = yaml.safe_load((ROOT / "grafana/provisioning/datasources/stack.yaml").read_text())
    uids = {source["uid"] for source in provisioned["datasources"]}
    text = json.dumps(list(DASHBOARDS.values())) + json.dumps(provisioned)
    used = set(re.findall(r'"(?:datasourceUid|uid)": "([\w-]+)"', text))
    assert used <= uids | set(DASHBOARDS)
    links = re.findall(r"/d/([\w-]+)", text)
    assert set(links) <= set(DASHBOARDS)
    for dashboard in DASHBOARDS.values():
        names = {variable["name"] for variable in dashboard["templating"].get("list", [])}
        own = re.findall(r"\$(\w+)", json.dumps(dashboard["panels"]))
        assert {name for name in own if not name.startswith("__")} <= names


def test_grafana_loads_them() -> None:
    """Grafana itself knows each dashboard by its uid."""
    if not grafana_runs():
        pytest.skip("Grafana's image cannot be pulled here")
    for uid in DASHBOARDS:
        answer: Any = local.get(f"{trace.address('grafana')}/api/dashboards/uid/{uid}")
        assert answer.status_code == 200
