"""Every variable means what it says, and a wrong one stops the start with one clear line."""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from baseline import local
from tests.support import Collector, Service, free_port, wait_for

Start = Callable[..., Service]


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("ENVIRONMENT", "prod", "'production'"),
        ("LOG_LEVEL", "loud", "'warning'"),
        ("PORT", "eighty", "integer"),
        ("PORT", "70000", "65535"),
        ("HOST", ",", "at least 1 item"),
        ("SHUTDOWN_DRAIN_SECONDS", "-1", "greater than or equal to 0"),
        ("PUBLIC_ENDPOINT", "perhaps", "boolean"),
        ("SSL_CERT_FILE", "/absent.pem", "certificates in PEM"),
        ("SSL_CERT_FILE", __file__, "certificates in PEM"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "'always_on'"),
        ("OTEL_TRACES_EXPORTER", "console", "'otlp'"),
        ("OTEL_LOGS_EXPORTER", "console", "'otlp'"),
        ("OTEL_METRICS_EXPORTER", "console", "'prometheus'"),
        ("OTEL_PROPAGATORS", "b3", "tracecontext and baggage"),
        ("OTEL_SDK_DISABLED", "perhaps", "'true'"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "http://"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "'http/protobuf'"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team", "key=value"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod", "production"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "greater than 0"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip", "'gzip'"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "non-negative integer"),
    ],
)
def test_wrong_value(
    service_folder: Path, start: Start, variable: str, value: str, allowed: str
) -> None:
    """The one line names the variable, the value and what is allowed; the exit status is 1."""
    service = start(service_folder, **{variable: value})
    assert service.process.wait(20) == 1
    (line,) = service.lines()
    assert line["level"] == "critical"
    assert variable in line["reason"]
    assert value in line["reason"]
    assert allowed in line["reason"]


def test_wrong_ratio(service_folder: Path, start: Start) -> None:
    """The sampler's argument is checked with the sampler that takes it."""
    service = start(
        service_folder, OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="10"
    )
    assert service.process.wait(20) == 1
    assert "from 0 to 1" in service.lines()[0]["reason"]


OWN_SETTINGS = """
class Settings(ObservabilitySettings):
    signing_key: SecretStr
    retries: list[int] = []
    database_url: int = 1
    region: str
"""


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "hunter2"),
        ("SIGNING_KEY", ""),
        ("DATABASE_URL", "postgres://user:hunter2@db/"),
        ("RETRIES", "hunter2"),
        ("REGION", ""),
    ],
)
def test_a_secret_in_a_setting_is_not_shown(
    render: Callable[[], Path], start: Start, variable: str, value: str
) -> None:
    """Whatever setting is wrong, no secret is in the one line: not its own, and no other."""
    folder = render()
    settings = (folder / "app/settings.py").read_text()
    head, _, rest = settings.partition("class Settings")
    rest = rest[rest.index("def load_settings") :]
    own = "from pydantic import SecretStr\n" + head + OWN_SETTINGS + "\n\n" + rest
    (folder / "app/settings.py").write_text(own)
    variables = {"SIGNING_KEY": "hunter2", "REGION": "eu", variable: value}
    service = start(folder, **variables)
    assert service.process.wait(20) == 1
    (line,) = service.lines()
    assert variable in line["reason"].upper()
    assert "hunter2" not in str(line)


def test_several_addresses(service_folder: Path, start: Start) -> None:
    """HOST may be a list; the service answers on each of its addresses."""
    service = start(service_folder, HOST="127.0.0.1,127.0.0.2").ready()
    other = service.url.replace("127.0.0.1", "127.0.0.2")
    assert local.get(f"{other}/healthz").status_code == 200


def test_port_in_use(service_folder: Path, start: Start) -> None:
    """A port that is taken is one line that says what to set."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = start(service_folder, PORT=str(taken.getsockname()[1]))
        assert service.process.wait(20) == 1
    assert "PORT" in service.lines()[-1]["event"]


def test_without_endpoint_nothing_is_exported_and_that_is_said(
    service_folder: Path, start: Start
) -> None:
    """A service starts without any collector and says where its traces go."""
    service = start(service_folder).ready()
    wait_for(lambda: len(service.lines()) >= 2)
    said = [line["traces"] for line in service.lines() if "traces" in line]
    assert said == ["not exported: OTEL_EXPORTER_OTLP_ENDPOINT is not set"]


def test_resource_attributes_win(service_folder: Path, collector: Collector, start: Start) -> None:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES beat the rest, in logs as in spans."""
    service = start(
        service_folder, ENVIRONMENT="test", SERVICE_VERSION="1.0.0", OTEL_SERVICE_NAME="renamed",
        OTEL_RESOURCE_ATTRIBUTES="service.version=2.0.0,deployment.environment.name=staging,a=b",
        **collector.variables,
    ).ready()  # fmt: skip
    local.get(service.url + "/greetings/Ada")
    wait_for(lambda: collector.spans)
    (access,) = [line for line in service.lines() if line["event"] == "request"]
    expected = ("renamed", "2.0.0", "staging")
    assert (access["service"], access["version"], access["environment"]) == expected
    resource = collector.resources[0]
    assert expected == (
        resource["service.name"],
        resource["service.version"],
        resource["deployment.environment.name"],
    )
    assert resource["a"] == "b"
    metrics = local.get(service.url + "/metrics").text
    assert 'target_info{service_version="2.0.0"' in metrics


@pytest.mark.parametrize(
    ("sampler", "argument", "spans"),
    [("always_off", "", 0), ("traceidratio", "0", 0), ("parentbased_traceidratio", "1.0", 1)],
)
def test_sampler(
    service_folder: Path, collector: Collector, start: Start,
    sampler: str, argument: str, spans: int,
) -> None:  # fmt: skip
    """The sampler decides what is exported and carries exemplars; logs keep their ids."""
    variables = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    service = start(service_folder, **variables, **collector.variables).ready()
    local.get(service.url + "/greetings/Ada")
    accept = {"accept": "application/openmetrics-text"}
    assert ("# {" in local.get(service.url + "/metrics", headers=accept).text) is bool(spans)
    assert service.stop() == 0
    assert len(collector.spans) == spans
    assert all("trace_id" in line for line in service.lines() if line["event"] == "request")


def test_public_endpoint_starts_a_new_trace(
    service_folder: Path, collector: Collector, start: Start
) -> None:
    """At a public edge the caller's trace is linked, not continued."""
    service = start(service_folder, PUBLIC_ENDPOINT="true", **collector.variables).ready()
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-00"}
    local.get(service.url + "/greetings/Ada", headers=headers)
    wait_for(lambda: collector.spans)
    ((_, span),) = collector.spans
    assert span.trace_id.hex() != trace_id
    assert [link.trace_id.hex() for link in span.links] == [trace_id]


def test_logs_over_otlp(service_folder: Path, collector: Collector, start: Start) -> None:
    """When asked for, each line reaches the collector as it was printed, with its trace's ids."""
    service = start(service_folder, OTEL_LOGS_EXPORTER="otlp", **collector.variables).ready()
    local.get(service.url + "/greetings/Ada")
    assert service.stop() == 0
    printed = service.lines()
    sent = {record.body.string_value: record for record in collector.logs}
    assert sent.keys() == {line["event"] for line in printed}
    assert len(printed) == len(collector.logs)
    for line in printed:
        record = sent[line["event"]]
        assert record.trace_id.hex() == line.get("trace_id", "")
        assert record.severity_text == line["level"]
        attributes = {item.key for item in record.attributes}
        assert attributes <= line.keys()
        assert "logger" in attributes


def test_sdk_disabled(service_folder: Path, collector: Collector, start: Start) -> None:
    """OTEL_SDK_DISABLED ends spans, and nothing else."""
    service = start(service_folder, OTEL_SDK_DISABLED="true", **collector.variables).ready()
    assert local.get(service.url + "/greetings/Ada").status_code == 200
    assert service.stop() == 0
    assert collector.spans == []
    assert [line["event"] for line in service.lines()].count("request") == 1


def test_stop_flushes_and_ready_says_so_first(
    service_folder: Path, collector: Collector, start: Start
) -> None:
    """After SIGTERM /ready is 503 and /healthz 200 while it drains; then all spans arrive."""
    variables = {**collector.variables, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    service = start(service_folder, SHUTDOWN_DRAIN_SECONDS="4", **variables).ready()
    assert local.get(service.url + "/ready").status_code == 200
    local.get(service.url + "/greetings/Ada")
    service.process.send_signal(signal.SIGTERM)
    wait_for(lambda: local.get(service.url + "/ready").status_code == 503)
    assert local.get(service.url + "/healthz").status_code == 200
    assert local.get(service.url + "/greetings/Ada").status_code == 200
    assert service.process.wait(10) == 0
    assert len(collector.spans) == 2
    assert service.lines()[-1]["event"] == "service stopped"


@pytest.mark.parametrize("when", ["start-up", "shutdown"])
def test_failed_start_or_stop_is_one_line(
    render: Callable[[], Path], collector: Collector, start: Start, when: str
) -> None:
    """A lifespan that fails says why in one line, and what was queued still arrives."""
    folder = render()
    main = (folder / "app/main.py").read_text()
    fails = ["    raise OSError('no disk')\n", "    yield\n"]
    work = "    app.state.observability.tracing.tracer.start_span('opened the disk').end()\n"
    (folder / "app/main.py").write_text(
        main.replace("telemetry=TELEMETRY_OFF", "telemetry=TELEMETRY_OFF, lifespan=broken")
        + "\n\nasync def broken(app: FastAPI):\n"
        + work
        + "".join(fails if when == "start-up" else reversed(fails))
    )
    service = start(folder, **{**collector.variables, "OTEL_BSP_SCHEDULE_DELAY": "60000"})
    if when == "shutdown":
        service.ready()
        service.process.terminate()
    status = service.process.wait(20)
    assert (status != 0) is (when == "start-up")
    (line,) = [line for line in service.lines() if line["level"] in ("error", "critical")]
    assert line["exception"]["message"] == "no disk"
    assert "opened the disk" in {span.name for _, span in collector.spans}


@pytest.mark.parametrize("way", ["variable", "uvicorn", "uvicorn's variable", "python -m app"])
def test_several_workers_are_refused(
    service_folder: Path, start: Start, tmp_path: Path, way: str
) -> None:
    """However they are asked for, one line says why not and what to do instead."""
    port, environment = free_port(), dict(os.environ)
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app"]
    command += ["--port", str(port)]
    match way:
        case "variable":
            command, environment["WEB_CONCURRENCY"] = [sys.executable, "-m", "app"], "2"
        case "uvicorn":
            command += ["--workers", "2"]
        case "uvicorn's variable":
            environment["WEB_CONCURRENCY"] = "2"
        case _:
            command = [sys.executable, "-m", "app", "--workers", "2"]
    service = Service(command, service_folder, environment, port, tmp_path / "out")
    try:
        status = service.process.wait(20)
        said = (tmp_path / "out").read_text()
        # uvicorn's own parent process ends without an error when its workers cannot start
        assert status != 0 or "uvicorn" in command
        (line,) = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        assert line["level"] == "critical"
        assert "more replicas" in line["reason"]
    finally:
        service.kill()


def test_uvicorn_factory_prints_json(service_folder: Path, start: Start, tmp_path: Path) -> None:
    """`uvicorn --factory app.main:create_app` works too, and every line after its own is JSON."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app"]
    out = tmp_path / "out"
    service = Service([*command, "--port", str(port)], service_folder, dict(os.environ), port, out)
    try:
        service.ready()
        local.get(service.url + "/greetings/Ada")
        service.stop()
        assert "request" in {line["event"] for line in service.lines()}
    finally:
        service.kill()
