"""`/healthz`, `/ready` and `/metrics` as plain ASGI endpoints.

Liveness checks nothing but the process; readiness says "send traffic here" (Kubernetes, "Pod
Lifecycle"; SRE book, chapter 8). The collector is in neither: telemetry never stops a service.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from . import exposition, names, routes
from .health import Readiness
from .lines import write_access_line
from .metrics import Metrics


def endpoints(readiness: Readiness, metrics: Metrics) -> Mapping[str, ASGIApp]:
    """Return the three operational endpoints by path; one that fails leaves an access line.

    They are answered before the service's own middleware and routes, so that neither a host
    check, a login, a full thread pool nor a catch-all route can hide them.
    """

    async def healthz(_: Scope) -> Response:
        return _json(200, {"status": "ok"})

    async def ready(_: Scope) -> Response:
        if readiness.state != "serving":
            return _json(503, {"status": readiness.state})
        if failing := await readiness.failing():
            return _json(503, {"status": "unavailable", "failing": failing})
        return _json(200, {"status": "ready"})

    async def expose(scope: Scope) -> Response:
        if readiness.state == "serving":
            readiness.refresh()  # the next scrape sees it; this one waits for no dependency
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        body, content_type = exposition.render(metrics.registry, accept.decode("latin-1"))
        return Response(body, headers={"content-type": content_type})

    return {
        names.HEALTHZ: _get_only(healthz),
        names.READY: _get_only(ready),
        names.METRICS: _get_only(expose),
    }


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return Response(
        orjson.dumps(body), status, {"cache-control": "no-store"}, media_type="application/json"
    )


def _get_only(answer: Callable[[Scope], Awaitable[Response]]) -> ASGIApp:
    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        if scope["method"] in ("GET", "HEAD"):
            response = await answer(scope)
        else:
            response = Response(status_code=405, headers={"allow": "GET, HEAD"})
        await response(scope, receive, send)
        if response.status_code >= 500:
            method, path, status = scope["method"], scope["path"], response.status_code
            fields = routes.fields(scope, method, path, status)
            fields[names.DURATION] = round(time.perf_counter() - start, 6)
            write_access_line("warning", __name__, None, fields)

    return endpoint
