"""A payment provider's test mode: the last two digits of an amount decide what happens."""

import asyncio

SLOW, DECLINED, BROKEN = 20, 40, 50
SLOW_SECONDS = 1.2


class DeclinedError(Exception):
    """The provider refuses to charge."""


async def charge(amount_cents: int) -> str:
    """Charge an amount and return the provider's reference.

    Raises DeclinedError for amounts that end in 40 and ConnectionError for those that end in 50;
    those that end in 20 take more than a second.
    """
    match amount_cents % 100:
        case ending if ending == DECLINED:
            raise DeclinedError
        case ending if ending == BROKEN:
            raise ConnectionError("the provider closed the connection")
        case ending if ending == SLOW:
            await asyncio.sleep(SLOW_SECONDS)
    return f"charge-{amount_cents}"
