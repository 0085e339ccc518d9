"""Who this service is: plain data, written by the template from the recorded answers."""

IDENTITY = {
    "service_name": "payments",
    "service_namespace": "shop",
    "owner_team": "payments-core",
    "port": 8002,
    "availability_objective_percent": 99.95,
    "template_version": "0.1.0",
}
