"""The OpenTelemetry resource: one description of this process for spans and log lines."""

from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_NAMESPACE,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.semconv.attributes.deployment_attributes import DEPLOYMENT_ENVIRONMENT_NAME

from . import names
from .settings import ObservabilitySettings


def describe(settings: ObservabilitySettings) -> Resource:
    """Return the resource of this process.

    OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES beat SERVICE_VERSION, ENVIRONMENT and what the
    service was generated with; OTEL_SERVICE_NAME beats a service.name in the attributes
    (OpenTelemetry specification, "Resource SDK").
    """
    own = Resource(
        {
            SERVICE_NAME: settings.identity.service_name,
            SERVICE_NAMESPACE: settings.identity.service_namespace,
            SERVICE_VERSION: settings.service_version,
            DEPLOYMENT_ENVIRONMENT_NAME: settings.environment,
        }
    )
    # Resource.create lets its argument win over the environment, so the environment goes on top.
    return Resource.create(own.merge(OTELResourceDetector().detect()).attributes)


def log_fields(resource: Resource) -> dict[str, str]:
    """Return the fields that identify this process on every log line."""
    return {
        names.SERVICE: str(resource.attributes[SERVICE_NAME]),
        names.VERSION: str(resource.attributes[SERVICE_VERSION]),
        names.ENVIRONMENT: str(resource.attributes[DEPLOYMENT_ENVIRONMENT_NAME]),
    }
