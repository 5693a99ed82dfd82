"""What a client is told when a request fails: OpenAI's error object, or Anthropic's on its paths.

Always holds: an error is one JSON object with message, type, param and code; the message is one line that
names what was wrong; of the request's content it holds short values at most.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from r1v.core import (
    CapacityError,
    ConfigError,
    ContextLengthError,
    ImageError,
    PromptError,
    R1VError,
    UnavailableError,
)


class ErrorObject(BaseModel):
    """The error, as OpenAI has it."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """What the body of a failed request holds."""

    error: ErrorObject


class APIError(Exception):
    """A request that fails with a status of its own. retry_after_s: for 429 and 503. headers: others."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.retry_after_s, self.headers = retry_after_s, headers or {}

    def body(self, path: str = "") -> dict[str, object]:
        """The JSON to send, in the form of the API that a path belongs to."""
        form = anthropic_error if path.startswith(ANTHROPIC_PATH) else error_body
        return form(self.status, self.message, self.code, self.param)

    def response(self, path: str = "") -> Response:
        """The response to send to a request of a path."""
        headers = dict(self.headers)
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return json_response(self.body(path), self.status, headers)


ANTHROPIC_PATH = "/v1/messages"

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_ANTHROPIC_TYPES = {**_TYPES, 413: "request_too_large", 503: "overloaded_error", 504: "timeout_error"}


def error_body(status: int, message: str, code: str | None, param: str | None = None) -> dict[str, object]:
    """OpenAI's error object."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def anthropic_error(
    status: int, message: str, code: str | None, param: str | None = None
) -> dict[str, object]:
    """Anthropic's error object, with param and code in addition."""
    kind = _ANTHROPIC_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message, "param": param, "code": code}}


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response in UTF-8. Lone surrogates, which UTF-8 cannot encode, are replaced."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    body = text.encode("utf-8", "replace")
    return Response(body, status, dict(headers or {}), media_type="application/json")


_STATUS: tuple[tuple[type[R1VError], int, str], ...] = (
    (ContextLengthError, 400, "context_length_exceeded"),
    (ImageError, 400, "invalid_image"),
    (PromptError, 400, "invalid_prompt"),
    (ConfigError, 400, "invalid_value"),
    (CapacityError, 503, "no_capacity"),
    (UnavailableError, 503, "unavailable"),
)


def from_r1v(error: R1VError) -> APIError:
    """The API's error for one of ours."""
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return APIError(status, str(error), code=code, retry_after_s=10 if status == 503 else None)
    return APIError(500, str(error), code="internal_error")


def from_validation(errors: Sequence[Mapping[str, Any]]) -> APIError:
    """The first error that pydantic found, with the parameter's name."""
    first = errors[0]
    place = [part for part in first["loc"] if not (isinstance(part, str) and part.startswith("~"))]
    if place and place[0] in ("body", "path", "query", "header"):
        place = place[1:]
    param = ".".join(str(part)[:64] for part in place) or None
    kind, text = first["type"], str(first["msg"])
    if kind == "json_invalid":
        return APIError(400, f"the body is not valid JSON ({_reason(first)})", code="invalid_json")
    if kind == "extra_forbidden":
        return APIError(
            400, f"{param} is not a known parameter; remove it", code="unknown_parameter", param=param
        )
    if kind == "missing":
        where = param or "the body"
        return APIError(400, f"{where} is missing; give it", code="missing_parameter", param=param)
    text = text.removeprefix("Value error, ")
    value = first.get("input")
    shown = f", not {value!r}" if isinstance(value, bool | int | float) or value is None else ""
    return APIError(400, f"{param or 'the body'}: {text}{shown}"[:500], code="invalid_value", param=param)


def _reason(error: Mapping[str, Any]) -> str:
    context = error.get("ctx") or {}
    return str(context.get("error", error["msg"]))[:120]
