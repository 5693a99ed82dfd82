"""How bodies of JSON are parsed: within limits, before anything else reads them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from r1v.core import R1VError, parse_json
from r1v.server.errors import APIError

# The most commas, braces and brackets in a body: more than any prompt has, and still parsed at once. A limit
# of bytes is not enough: 16 MiB of empty objects would take gigabytes and a minute.
MAX_VALUES = 300_000
# Each object is checked key by key while everything else waits: so many take a third of a second.
MAX_OBJECTS = 16_384
MAX_KEYS = 4_096


class BoundedRoute(APIRoute):
    """A route whose body of JSON is parsed within limits of bytes, values and depth."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, which runs after the parsing."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
            if self.body_field is not None:
                if kind != "application/json" and not kind.endswith("+json"):
                    raise _no_json(kind)
                request._json = read_body(await request.body())  # where request.json() keeps what it parsed
            return await inner(request)

        return handler


def _no_json(kind: str) -> APIError:
    text = f"the body must be JSON, sent with Content-Type: application/json, not {kind[:64]!r}"
    return APIError(400, text, code="invalid_value", param="Content-Type")


def read_body(body: bytes) -> Any:
    """The value of a request's body. Raises APIError."""
    if not body:
        return None
    try:
        return parse_json(body, "the body", max_bytes=len(body), max_values=MAX_VALUES,
                          max_objects=MAX_OBJECTS, max_keys=MAX_KEYS, unique_keys=True)  # fmt: skip
    except R1VError as error:
        text = str(error)
        if "send fewer" in text:
            raise APIError(413, text, code="body_too_large") from error
        code = "invalid_json" if "not valid JSON" in text else "invalid_value"
        raise APIError(400, text, code=code) from error
