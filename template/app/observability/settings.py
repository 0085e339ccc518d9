"""What the baseline reads from the environment, checked once at start and then frozen."""

import math
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from opentelemetry.semconv.attributes.deployment_attributes import DEPLOYMENT_ENVIRONMENT_NAME
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from .redaction import sanitizer
from .values import (
    CertificateFile,
    Endpoint,
    Environment,
    Milliseconds,
    Names,
    Port,
    Protocol,
    Seconds,
)

SAMPLERS_WITH_RATIO = ("traceidratio", "parentbased_traceidratio")


class ConfigurationError(Exception):
    """A variable has a value that the service cannot start with; the text says which and why."""


class Identity(BaseModel):
    """Who this service is: fixed when it is generated, the same in every environment."""

    model_config = ConfigDict(frozen=True)

    service_name: str
    service_namespace: str
    owner_team: str
    port: int
    availability_objective_percent: float
    template_version: str


class ObservabilitySettings(BaseSettings):
    """The environment variables of the baseline; a service adds its own in a subclass.

    Each field is read from the variable of the same name in capitals. The names that start with
    OTEL_ and what they mean are those of the OpenTelemetry specification ("Environment Variable
    Specification"). Most are read by the SDK itself; those that decide whether telemetry arrives
    are checked here too, so that a typing error stops the start instead of silencing the service.
    """

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    identity: Identity

    host: Annotated[Names, Field(min_length=1)] = ("127.0.0.1",)
    port: Port = Field(default_factory=lambda known: known["identity"].port)
    web_concurrency: Annotated[int, Field(gt=0)] = 1
    service_version: str = Field(default="0.0.0-dev", min_length=1, max_length=128)
    environment: Environment = "development"
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    log_redacted_keys: Names = ()
    public_endpoint: bool = False
    shutdown_drain_seconds: Annotated[float, Field(ge=0, le=60)] = 2.0
    shutdown_timeout_seconds: Seconds = 18.0
    http_client_timeout_seconds: Seconds = 10.0
    ssl_cert_file: CertificateFile | None = None

    otel_sdk_disabled: Literal["true", "false"] = "false"
    otel_service_name: str | None = None
    otel_resource_attributes: str = ""
    otel_traces_exporter: Literal["otlp", "none"] = "otlp"
    otel_logs_exporter: Literal["otlp", "none"] = "none"
    otel_metrics_exporter: Literal["prometheus", "none"] = "prometheus"
    otel_propagators: Names = ("tracecontext",)
    otel_traces_sampler: Literal[
        "always_on", "always_off", "traceidratio",
        "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
    ] = "parentbased_always_on"  # fmt: skip
    otel_traces_sampler_arg: str | None = None
    otel_exporter_otlp_endpoint: Endpoint | None = None
    otel_exporter_otlp_traces_endpoint: Endpoint | None = None
    otel_exporter_otlp_logs_endpoint: Endpoint | None = None
    otel_exporter_otlp_protocol: Protocol = "http/protobuf"
    otel_exporter_otlp_traces_protocol: Protocol | None = None
    otel_exporter_otlp_logs_protocol: Protocol | None = None
    otel_exporter_otlp_timeout: Milliseconds = 10_000
    otel_exporter_otlp_traces_timeout: Milliseconds | None = None
    otel_exporter_otlp_logs_timeout: Milliseconds | None = None
    otel_exporter_otlp_headers: str = ""
    otel_exporter_otlp_traces_headers: str = ""
    otel_exporter_otlp_logs_headers: str = ""
    otel_exporter_otlp_compression: Literal["none", "gzip", "deflate"] = "none"
    otel_bsp_schedule_delay: Milliseconds = 5_000
    otel_bsp_max_queue_size: Annotated[int, Field(gt=0)] = 2048
    otel_bsp_max_export_batch_size: Annotated[int, Field(gt=0)] = 512

    SECRET: ClassVar[frozenset[str]] = frozenset(
        {
            "otel_exporter_otlp_headers",
            "otel_exporter_otlp_traces_headers",
            "otel_exporter_otlp_logs_headers",
        }
    )

    @property
    def traces_endpoint(self) -> str | None:
        """The collector that spans go to."""
        return self.otel_exporter_otlp_traces_endpoint or self.otel_exporter_otlp_endpoint

    @property
    def sends_logs(self) -> bool:
        """Whether log lines go to a collector too."""
        endpoint = self.otel_exporter_otlp_logs_endpoint or self.otel_exporter_otlp_endpoint
        asked = self.otel_logs_exporter == "otlp" and self.otel_sdk_disabled == "false"
        return asked and endpoint is not None

    @classmethod
    def load(cls, identity: Identity) -> Self:
        """Read the environment.

        Raises ConfigurationError, in one line, naming each bad variable, its value and what is
        allowed.
        """
        try:
            return cls(identity=identity)
        except ValidationError as error:
            raise ConfigurationError("; ".join(map(cls._explain, error.errors()))) from None
        except SettingsError as error:  # a list or an object that is not JSON
            raise ConfigurationError(str(error)) from None

    @classmethod
    def _explain(cls, error: Any) -> str:
        field = str(error["loc"][0]) if error["loc"] else ""
        reason = error["msg"].removeprefix("Value error, ")
        if error["type"] == "missing":
            return f"{field.upper()} is not set: {reason.lower()}"
        declared = repr(cls.model_fields[field].annotation) if field in cls.model_fields else ""
        hidden = field in cls.SECRET or "Secret" in declared  # pydantic's SecretStr and its like
        shown = "(hidden)" if hidden else repr(sanitizer()({field: error["input"]})[field])
        return f"{field.upper()} is {shown}: {reason[:1].lower()}{reason[1:]}"

    @field_validator(
        "log_level", "environment", "otel_sdk_disabled", "otel_traces_sampler", mode="before"
    )
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("host", "log_redacted_keys", "otel_propagators", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part for item in value.split(",") if (part := item.strip()))
        return value

    @field_validator("otel_propagators")
    @classmethod
    def _propagators(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not set(value) <= {"tracecontext", "baggage", "none"}:
            raise ValueError("must be a list of tracecontext and baggage, or none")
        return value

    @field_validator("otel_resource_attributes", *SECRET)
    @classmethod
    def _pairs(cls, value: str) -> str:
        for pair in filter(None, value.split(",")):
            key, equals, text = pair.partition("=")
            if not (key.strip() and equals):
                raise ValueError("must be a list of key=value, separated by commas")
            if key.strip() == DEPLOYMENT_ENVIRONMENT_NAME and text not in get_args(Environment):
                raise ValueError(f"{key} must be one of {', '.join(get_args(Environment))}")
        return value

    @field_validator("otel_traces_sampler_arg")
    @classmethod
    def _ratio(cls, value: str | None, info: Any) -> str | None:
        if value is None or info.data.get("otel_traces_sampler") not in SAMPLERS_WITH_RATIO:
            return value
        try:
            ratio = float(value)
        except ValueError:
            ratio = math.nan
        if not 0 <= ratio <= 1:
            raise ValueError("must be a ratio from 0 to 1")
        return value
