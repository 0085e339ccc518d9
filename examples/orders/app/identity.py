"""Who this service is: plain data, written by the template from the recorded answers."""

IDENTITY = {
    "service_name": "orders",
    "service_namespace": "shop",
    "owner_team": "checkout",
    "port": 8001,
    "availability_objective_percent": 99.9,
    "template_version": "0.1.0",
}
