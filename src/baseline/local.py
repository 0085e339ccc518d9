"""Plain HTTP to what runs on this machine, past any proxy that the environment names."""

import ssl
from functools import partial
from typing import Final

import httpx

# httpx reads the root certificates anew for each client, a twentieth of a second of CPU, and who
# waits asks many times.
_NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

get = partial(httpx.get, timeout=10, trust_env=False, verify=_NO_CERTIFICATES)
post = partial(httpx.post, timeout=10, trust_env=False, verify=_NO_CERTIFICATES)
client = partial(httpx.AsyncClient, timeout=10, trust_env=False, verify=_NO_CERTIFICATES)


def answers(address: str) -> bool:
    """Say whether something answers 200 there, within two seconds."""
    try:
        return get(address, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
