"""What a request is called: its route template, one bounded label, and the fields around it."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import Scope

from . import lines, names


def templates(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (method, route template) of every HTTP route, those inside mounts included."""
    for route in iter_route_contexts(routes):
        if isinstance(route.original_route, Mount):
            mount = route.original_route
            inner = list(templates(mount.routes, prefix + mount.path))
            yield from inner or [("GET", prefix + mount.path)]
        elif route.path_format is not None:
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, prefix + route.path_format


def mounts(routes: Sequence[BaseRoute]) -> Iterator[Mount]:
    """Yield the mounts among `routes`."""
    for route in iter_route_contexts(routes):
        if isinstance(route.original_route, Mount):
            yield route.original_route


def template(scope: Scope, root: str, app: Starlette) -> str:
    """Return the route template of a request that was routed, or "" when no route matched.

    `scope` is the ASGI scope after `app` has run, `root` its root_path before. FastAPI keeps the
    prefixes of included routers in the effective route context only; a mount leaves its part of the
    path in root_path, where a path parameter has its value, so the mounts' own templates are taken.
    """
    route = scope.get("route")
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is not None and context.original_route is route:
        leaf = str(context.path_format)
    else:
        leaf = str(getattr(route, "path_format", ""))
    mounted = scope.get("root_path", "")[len(root) :]
    return (_mount_template(mounted, app.routes) if mounted else "") + leaf


def fields(scope: Scope, method: str, route: str, status: int) -> dict[str, Any]:
    """Return what the span and the access line of a request have in common."""
    client = scope.get("client")
    return {
        names.METHOD: method,
        names.PATH: lines.clean(scope["path"]),
        names.ROUTE: route,
        names.STATUS: status,
        names.CLIENT_ADDRESS: lines.clean(client[0]) if client else "",
    }


def _mount_template(path: str, routes: Sequence[BaseRoute]) -> str:
    for mount in mounts(routes):
        match = mount.path_regex.match(path + "/")
        if match is not None:
            rest = (path + "/")[: match.start("path")].rstrip("/")
            deeper = path[len(rest) :]
            return mount.path + (_mount_template(deeper, mount.routes) if deeper else "")
    return ""
