"""Who may ask for what, and how the platform says no."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ctfy_rx.demo.state import State, Token

__all__ = ["ApiError", "admin", "bearer", "caller", "envelope", "invalid", "moment", "page", "session"]

_MOST_ROWS: Final = 10_000


class ApiError(HTTPException):
    """A refusal with a stable code, as the platform words it."""

    def __init__(self, status_code: int, code: str, detail: str | dict[str, Any]) -> None:
        super().__init__(status_code, detail="refused")
        self.code = code
        self.body = detail


def envelope(_request: Request, error: Exception) -> Response:
    """Every refusal as `{code, detail, timestamp}`; unknown routes and methods as the framework's own."""
    if isinstance(error, ApiError):
        content = {"code": error.code, "detail": error.body, "timestamp": datetime.now(UTC).isoformat()}
        return JSONResponse(content, error.status_code)
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "Internal Server Error"
    return JSONResponse({"detail": detail}, status)


def bearer(state: State, request: Request) -> Token | None:
    """The account behind the Authorization header, if it names a good one."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return state.tokens.get(secret) if scheme.lower() == "bearer" else None


def caller(state: State, request: Request) -> Token:
    """Any signed-in account, a fine-grained token's too."""
    token = bearer(state, request)
    if token is None and "authorization" not in request.headers:
        raise ApiError(401, "http_401", "Not authenticated")
    if token is None:
        raise ApiError(403, "http_403", "Invalid or revoked token")
    return token


def session(state: State, request: Request) -> Token:
    """A person's own session: what a fine-grained token does not open."""
    token = caller(state, request)
    if token.kind == "fine_grained":
        message = "This route is not available to fine-grained tokens."
        raise ApiError(403, "http_403", {"error": "token_scope_required", "message": message})
    return token


def admin(state: State, request: Request) -> Token:
    """An admin's session."""
    token = session(state, request)
    if token.player is not state.cast.admin:
        raise ApiError(403, "http_403", "Admin privileges required")
    return token


def invalid(field: str, message: str) -> ApiError:
    """The 422 for a value that the platform cannot read."""
    issue = {"type": "value_error", "loc": [field], "msg": message}
    return ApiError(422, "validation_error", {"message": f"{field}: {message}", "issues": [issue]})


def page(request: Request, items: list[Any], *, limit: int = 50) -> dict[str, Any]:
    """The page of `items` that the query asks for."""
    size = _whole(request, "limit", limit, lowest=1, highest=_MOST_ROWS)
    offset = _whole(request, "offset", 0, lowest=0, highest=None)
    return {"items": items[offset : offset + size], "total": len(items), "limit": size, "offset": offset}


def moment(request: Request, name: str) -> datetime | None:
    """A moment in the query, ISO 8601; without a zone it is UTC."""
    written = request.query_params.get(name, "")
    if not written:
        return None
    try:
        read = datetime.fromisoformat(written)
    except ValueError:
        raise invalid(name, "Input should be a valid datetime") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _whole(request: Request, name: str, default: int, *, lowest: int, highest: int | None) -> int:
    written = request.query_params.get(name, str(default))
    try:
        number = int(written)
    except ValueError:
        raise invalid(name, "Input should be a valid integer") from None
    if number < lowest:
        raise invalid(name, f"Input should be greater than or equal to {lowest}")
    if highest is not None and number > highest:
        raise invalid(name, f"Input should be less than or equal to {highest}")
    return number
