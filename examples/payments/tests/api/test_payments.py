"""Payments are taken, declined or broken, as the provider says."""

from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from app.observability.testing import LogLine


@pytest.mark.parametrize(
    ("amount_cents", "status"), [(1000, 201), (1040, 402), (1050, 500), (0, 422)]
)
def test_status(client: TestClient, amount_cents: int, status: int) -> None:
    """The provider's answer decides the status."""
    body = {"order_id": str(uuid4()), "amount_cents": amount_cents}
    assert client.post("/payments", json=body).status_code == status


def test_declined_is_no_error(client: TestClient, log_lines: list[LogLine]) -> None:
    """A declined payment is business as usual: nobody is woken by it."""
    client.post("/payments", json={"order_id": str(uuid4()), "amount_cents": 1040})
    assert {line["level"] for line in log_lines} == {"info"}
