"""Orders are placed when they are paid, and only then."""

import httpx
import pytest
from fastapi.testclient import TestClient

from app.observability.testing import LogLine, Upstream

ORDER = {"item": "book", "amount_cents": 1000}


def test_paid_order_can_be_read(client: TestClient, upstream: Upstream) -> None:
    """An order that payments has taken is there."""
    upstream.answer = lambda _: httpx.Response(201, json={"payment_id": "payment-1"})
    placed = client.post("/orders", json=ORDER)
    assert placed.status_code == 201
    assert client.get(f"/orders/{placed.json()['order_id']}").json() == placed.json()


@pytest.mark.parametrize(("answer", "status"), [(402, 402), (500, 502), (503, 502)])
def test_unpaid_order_is_refused(
    client: TestClient, upstream: Upstream, answer: int, status: int
) -> None:
    """What payments answers decides what the customer is told."""
    upstream.answer = lambda _: httpx.Response(answer)
    assert client.post("/orders", json=ORDER).status_code == status


def test_payments_out_of_reach(
    upstream: Upstream, request: pytest.FixtureRequest, log_lines: list[LogLine]
) -> None:
    """Without payments no order is taken, and the log says why."""

    def refuse(call: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=call)

    upstream.answer = refuse
    client: TestClient = request.getfixturevalue("client")
    assert client.post("/orders", json=ORDER).status_code == 502
    assert client.get("/ready").json()["failing"] == ["payments"]
    assert "payments unavailable" in {line["event"] for line in log_lines}


def test_unknown_order(client: TestClient, upstream: Upstream) -> None:
    """An order that was never placed is not found."""
    response = client.get("/orders/00000000-0000-0000-0000-000000000000")
    assert response.status_code == 404
    assert upstream.requests is not None
