"""The dashboards as code: `make dashboards` writes grafana/dashboards/*.json, which Grafana loads.

Change them here, never in the browser: a test compares both. Every query names the metrics that the
contract names, and every panel has data on the running stack: `make e2e` asks them all.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    logs,
    loki,
    prometheus,
    stat,
    table,
    timeseries,
)  # fmt: skip
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import GraphThresholdsStyleMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)  # fmt: skip
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

FOLDER = Path(__file__).with_name("dashboards")
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")
LOKI = DataSourceRef(type_val="loki", uid="loki")

SERVICE = 'service_name="$service",deployment_environment_name="$environment"'
REQUESTS = f'http_server_request_duration_seconds_count{{{SERVICE},http_route=~"$route"}}'
BUCKETS = f'http_server_request_duration_seconds_bucket{{{SERVICE},http_route=~"$route"}}'
ERRORS = REQUESTS.replace("}", ',http_response_status_code=~"5.."}')
RANGE = "[$__rate_interval]"


@dataclass(frozen=True)
class Query:
    """PromQL, and what a series of it is called in the legend."""

    expr: str
    legend: str = "__auto"


def target(query: Query, name: str = "A", instant: bool = False) -> prometheus.Dataquery:
    """Return a query for a panel; exemplars come with it."""
    built = prometheus.Dataquery().datasource(PROMETHEUS).ref_id(name).expr(query.expr)
    built = built.legend_format(query.legend).editor_mode("code")  # type: ignore[arg-type]
    return built.instant() if instant else built.range().exemplar(True)


def graph(
    title: str, text: str, unit: str, *queries: Query, threshold: float | None = None
) -> timeseries.Panel:
    """Return a graph over time; `threshold` is drawn as a line."""
    panel = timeseries.Panel().title(title).description(text).unit(unit).min(0)
    panel = panel.datasource(PROMETHEUS).span(8).height(8).fill_opacity(10)
    panel = panel.tooltip(common.VizTooltipOptions().mode("multi"))  # type: ignore[arg-type]
    panel = panel.legend(common.VizLegendOptions().show_legend(True).display_mode("list"))  # type: ignore[arg-type]
    if threshold is not None:
        steps = [Threshold(value=None, color="green"), Threshold(value=threshold, color="red")]
        panel = panel.thresholds(
            dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
        ).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        )
    for number, query in enumerate(queries):
        panel = panel.with_target(target(query, chr(ord("A") + number)))
    return panel


def number(title: str, text: str, unit: str, query: Query) -> stat.Panel:
    """Return a single number."""
    panel = stat.Panel().title(title).description(text).unit(unit).datasource(PROMETHEUS)
    return panel.span(4).height(4).with_target(target(query, instant=True))


def rows(title: str, text: str, units: dict[str, str], queries: dict[str, Query]) -> table.Panel:
    """Return a table with a column for each query; `units` are by column."""
    panel = table.Panel().title(title).description(text).datasource(PROMETHEUS).span(24).height(8)
    for name, query in queries.items():
        panel = panel.with_target(target(query, name, instant=True).format(PromQueryFormat.TABLE))
    panel = panel.with_transformation({"id": "merge", "options": {}})  # type: ignore[arg-type]
    for name, unit in units.items():
        panel = panel.override_by_name(
            f"Value #{name}",
            [DynamicConfigValue("displayName", name), DynamicConfigValue("unit", unit)],
        )
    return panel.override_by_name("Time", [DynamicConfigValue("custom.hidden", True)])


def variable(name: str, label: str, query: str, regex: str = "") -> dashboard.QueryVariable:
    """Return a variable whose values come from Prometheus."""
    made = dashboard.QueryVariable(name).label(label).datasource(PROMETHEUS).query(query)
    made = made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return made.sort(VariableSort.ALPHABETICAL_ASC).regex(regex)


def page(uid: str, title: str, text: str) -> dashboard.Dashboard:
    """Return an empty dashboard with links to its siblings."""
    made = dashboard.Dashboard(title).uid(uid).description(text).tags(["baseline"])
    made = made.readonly().refresh("10s").time("now-30m", "now").timezone("browser")
    return made.link(
        dashboard.DashboardLink("Dashboards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags(["baseline"])
        .include_vars(True)
        .keep_time(True)
    )


def of_service(made: dashboard.Dashboard) -> dashboard.Dashboard:
    """Add the variables that choose an environment and a service."""
    environment = "label_values(service_ready, deployment_environment_name)"
    service = (
        'label_values(service_ready{deployment_environment_name="$environment"}, service_name)'
    )
    return made.with_variable(variable("environment", "Environment", environment)).with_variable(
        variable("service", "Service", service)
    )


def service_red() -> dashboard.Dashboard:
    """Rate, errors, duration of one service, and its logs."""
    made = of_service(page(
        "service-red", "Service", "Rate, errors and duration of a service, by route, with its logs."
    )).with_variable(
        variable(
            "route", "Route",
            f"label_values(http_server_request_duration_seconds_count{{{SERVICE}}}, http_route)",
        ).include_all(True).all_value(".*").multi(True)
    ).annotation(
        dashboard.AnnotationQuery().name("Version changes").datasource(PROMETHEUS)
        .enable(True).icon_color("blue").title_format("{{service_version}}")
        .expr(f"target_info{{{SERVICE}}} unless target_info{{{SERVICE}}} offset 1m")
    )  # fmt: skip
    quantiles = [
        Query(f"histogram_quantile({q}, sum by (le) (rate({BUCKETS}{RANGE})))", name)
        for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]
    rate = f"sum by (http_request_method, http_route) (rate({REQUESTS}{RANGE}))"
    errors = f"sum by (http_request_method, http_route) (rate({ERRORS}{RANGE}))"
    p99 = f"histogram_quantile(0.99, sum by (http_request_method, http_route, le) (rate({BUCKETS}{RANGE})))"
    panels = [
        number("Requests", "Requests a second.", "reqps", Query(f"sum(rate({REQUESTS}{RANGE}))")),
        number(
            "Errors", "Share of requests answered with a 5xx.", "percentunit",
            Query(f"sum(rate({ERRORS}{RANGE})) / sum(rate({REQUESTS}{RANGE}))"),
        ),
        number("p99", "One request in a hundred takes longer.", "s", quantiles[2]),
        number(
            "In flight", "Requests that are being answered.", "short",
            Query(f"sum(http_server_active_requests{{{SERVICE}}})"),
        ),
        number("Replicas up", "Processes that Prometheus reaches.", "short", Query(f"sum(up{{{SERVICE}}})")),
        number(
            "Objective", "Share of requests that must not fail.", "percentunit",
            Query(f"max(service_availability_objective_ratio{{{SERVICE}}})"),
        ),
        graph(
            "Rate", "Requests a second by status.", "reqps",
            Query(f"sum by (http_response_status_code) (rate({REQUESTS}{RANGE}))"),
        ),
        graph(
            "Error ratio", "Share of requests answered with a 5xx; the line is the alert's threshold.",
            "percentunit", Query(f"sum(rate({ERRORS}{RANGE})) / sum(rate({REQUESTS}{RANGE}))", "5xx"),
            threshold=0.01,
        ),
        graph(
            "Duration", "Each dot is a request: click it for its trace. The line is the alert's threshold.",
            "s", *quantiles, threshold=1,
        ),
        heatmap.Panel().title("Distribution of durations").datasource(PROMETHEUS)
        .description("How many requests took how long.").span(12).height(8)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges"))
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .with_target(
            target(Query(f"sum by (le) (increase({BUCKETS}{RANGE}))", "{{le}}"))
            .format(PromQueryFormat.HEATMAP)
        ),
        graph(
            "Calls to others", "Requests that this service sends, by where to and how they ended.", "reqps",
            Query(
                "sum by (server_address, http_response_status_code, error_type) "
                f"(rate(http_client_request_duration_seconds_count{{{SERVICE}}}{RANGE}))"
            ),
        ).span(12),
        rows(
            "Routes", "Rate, errors and p99 of each route.",
            {"rate": "reqps", "errors": "reqps", "p99": "s"},
            {"rate": Query(rate), "errors": Query(errors), "p99": Query(p99)},
        ),
        rows(
            "Alerts", "What is pending or firing for this service.", {},
            {"A": Query(f"ALERTS{{{SERVICE}}}")},
        ),
        logs.Panel().title("Logs").description("What the service wrote; a line opens its trace.")
        .datasource(LOKI).span(24).height(12).show_time(True).wrap_log_message(True)
        .with_target(
            loki.Dataquery().datasource(LOKI).ref_id("A")
            .expr('{service_name="$service",deployment_environment_name="$environment"}')
        ),
    ]  # fmt: skip
    return filled(made, panels)


def runtime_use() -> dashboard.Dashboard:
    """Utilisation, saturation and errors of the process."""
    made = of_service(page(
        "runtime-use", "Runtime", "What a service's processes use: CPU, memory, descriptors, event loop."
    ))  # fmt: skip
    each = "{{instance}}"
    panels = [
        graph("CPU", "Cores in use.", "short", Query(f"rate(process_cpu_seconds_total{{{SERVICE}}}{RANGE})", each)),
        graph("Memory", "Resident memory.", "bytes", Query(f"process_resident_memory_bytes{{{SERVICE}}}", each)),
        graph(
            "File descriptors", "Open, and how many may be.", "short",
            Query(f"process_open_fds{{{SERVICE}}}", f"open, {each}"),
            Query(f"process_max_fds{{{SERVICE}}}", f"limit, {each}"),
        ),
        graph(
            "Event loop lag", "By how much the event loop is late: what blocks it, blocks every request.", "s",
            Query(f"histogram_quantile(0.99, sum by (le, instance) (rate(event_loop_lag_seconds_bucket{{{SERVICE}}}{RANGE})))", f"p99, {each}"),
        ),
        graph(
            "Garbage collections", "Collections a second by generation.", "ops",
            Query(f"sum by (instance, generation) (rate(python_gc_collections_total{{{SERVICE}}}{RANGE}))"),
        ),
        graph("Requests in flight", "Requests that are being answered.", "short", Query(f"http_server_active_requests{{{SERVICE}}}", each)),
        graph(
            "Restarts", "How often the process started anew in the last hour.", "short",
            Query(f"changes(process_start_time_seconds{{{SERVICE}}}[1h])", each),
        ),
        graph("Ready", "1 when a readiness check passes.", "short", Query(f"service_ready{{{SERVICE}}}", "{{check}}, {{instance}}")),
    ]  # fmt: skip
    return filled(made, panels)


def telemetry_health() -> dashboard.Dashboard:
    """What telemetry itself loses, holds back and costs."""
    made = page(
        "telemetry-health",
        "Telemetry health",
        "Spans and lines on their way: dropped, queued, refused.",
    )
    by = "service_name, deployment_environment_name"
    each = "{{service_name}}, {{deployment_environment_name}}"
    exporter = "{{exporter}}"
    panels = [
        graph("Spans not exported", "Spans that a service dropped or could not send, a second.", "ops", Query(
            f'sum by ({by}) (rate(otel_sdk_processor_span_processed_total{{error_type!=""}}{RANGE})) + '
            f'sum by ({by}) (rate(otel_sdk_exporter_span_exported_total{{error_type!=""}}{RANGE}))', each)),
        graph("Lines dropped", "Log lines lost because stdout was blocked or broken, a second.", "ops",
              Query(f"sum by ({by}) (rate(log_lines_dropped_total{RANGE}))", each)),
        graph("Span queues of services", "How full.", "percentunit", Query(
            f"max by ({by}) (otel_sdk_processor_span_queue_size / otel_sdk_processor_span_queue_capacity)", each)),
        graph("Collector: accepted", "Spans and log records a second.", "ops",
              Query(f"sum(rate(otelcol_receiver_accepted_spans_total{RANGE}))", "spans"),
              Query(f"sum(rate(otelcol_receiver_accepted_log_records_total{RANGE}))", "log records")),
        graph("Collector: refused", "What the collector did not take, a second.", "ops",
              Query(f"sum(rate(otelcol_receiver_refused_spans_total{RANGE}))", "spans"),
              Query(f"sum(rate(otelcol_receiver_refused_log_records_total{RANGE}))", "log records")),
        graph("Collector: queues", "How full.", "percentunit",
              Query("otelcol_exporter_queue_size / otelcol_exporter_queue_capacity", exporter)),
        graph("Collector: sent", "What Jaeger and Loki took, a second.", "ops",
              Query(f"sum by (exporter) (rate(otelcol_exporter_sent_spans_total{RANGE}))", exporter),
              Query(f"sum by (exporter) (rate(otelcol_exporter_sent_log_records_total{RANGE}))", exporter)),
        graph("Collector: memory", "Resident memory.", "bytes", Query("otelcol_process_memory_rss_bytes", "{{instance}}")),
        graph("Series by service", "What a scrape brings; its limit is 50,000.", "short",
              Query(f'sum by ({by}) (scrape_samples_post_metric_relabeling{{service_name!=""}})', each)),
        graph("Bytes by scrape", "Size of /metrics.", "bytes",
              Query(f'sum by ({by}) (scrape_body_size_bytes{{service_name!=""}})', each)),
        graph("Log lines", "Lines that services wrote, a second.", "ops",
              Query(f"sum by ({by}) (rate(log_lines_written_total{RANGE}))", each)),
        graph("Spans exported", "Spans that services sent, a second.", "ops",
              Query(f'sum by ({by}) (rate(otel_sdk_exporter_span_exported_total{{error_type=""}}{RANGE}))', each)),
    ]  # fmt: skip
    return filled(made, panels)


def filled(made: dashboard.Dashboard, panels: Sequence[Any]) -> dashboard.Dashboard:
    """Add panels in their order; Grafana's grid is filled from left to right."""
    for panel in panels:
        made = made.with_panel(panel)
    return made


DASHBOARDS: dict[str, Callable[[], dashboard.Dashboard]] = {
    "service-red": service_red,
    "runtime-use": runtime_use,
    "telemetry-health": telemetry_health,
}


def rendered(name: str) -> str:
    """Return the JSON of a dashboard."""
    return JSONEncoder(sort_keys=True, indent=2).encode(DASHBOARDS[name]().build()) + "\n"


def main() -> int:
    """Write every dashboard; with --check, say instead which ones are not what the code says."""
    stale = []
    for name in DASHBOARDS:
        path = FOLDER / f"{name}.json"
        if "--check" not in sys.argv[1:]:
            path.write_text(rendered(name))
        elif not path.exists() or path.read_text() != rendered(name):
            stale.append(name)
    if stale:
        sys.stderr.write(f"Not what the code says: {', '.join(stale)}. Run make dashboards\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
