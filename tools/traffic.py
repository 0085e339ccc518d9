"""Steady traffic to the orders example: two orders a second, of 1,250 one fails and one is slow.

ORDERS_URL=http://127.0.0.1:8001 python traffic.py
"""

import itertools
import os
import time
from collections.abc import Iterator

import httpx

# What the payment provider of the example does with an amount in cents
GOOD, SLOW, DECLINED, FAILING = 1000, 1020, 1040, 1050
INTERVAL = 0.5


def amounts() -> Iterator[int]:
    """Return the amounts to order, again and again: of 1,250 one fails and one is slow.

    That is less than any alert minds, and within the objective of 99.9 %.
    """
    usual = [GOOD] * 48 + [DECLINED] * 2
    return itertools.cycle([*usual[1:], FAILING, *usual[1:], SLOW, *(usual * 23)])


def is_ready(client: httpx.Client) -> bool:
    """Say whether orders, and what it depends on, takes requests: a cold start is no failure."""
    try:
        return client.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


def main() -> None:
    """Send until the process is ended."""
    with httpx.Client(base_url=os.environ["ORDERS_URL"], timeout=10, trust_env=False) as client:
        while not is_ready(client):
            time.sleep(INTERVAL)
        for amount in amounts():
            try:
                placed = client.post("/orders", json={"item": "book", "amount_cents": amount})
                if placed.status_code == 201:
                    client.get(f"/orders/{placed.json()['order_id']}")
            except httpx.TransportError:
                pass  # orders is being started or stopped: what the alerts are for
            time.sleep(INTERVAL)


if __name__ == "__main__":
    main()
