"""Errors of the protocol with their documented texts and statuses: `_includes/system-errors.md`."""

from __future__ import annotations

SYSTEM_ERRORS = {
    "INTERNAL_SERVER_ERROR": (500, "Internal server error"),
    "ERROR_UNEXPECTED_ANSWER": (500, "Server returned an unexpected response"),
    "QUERY_LIMIT_EXCEEDED": (503, "Too many requests"),
    "OPERATION_TIME_LIMIT": (429, "Method is blocked due to operation time limit."),
    "OVERLOAD_LIMIT": (503, "REST API is blocked due to overload"),
    "ERROR_BATCH_METHOD_NOT_ALLOWED": (405, "Method is not allowed for batch usage"),
    "ERROR_BATCH_LENGTH_EXCEEDED": (400, "Max batch length exceeded"),
    "NO_AUTH_FOUND": (401, "Wrong authorization data"),
    "expired_token": (401, "The access token provided has expired"),
    "INVALID_CREDENTIALS": (403, "Invalid request credentials"),
    "insufficient_scope": (
        403,
        "The request requires higher privileges than provided by the webhook token",
    ),
    "user_access_error": (403, "The user does not have access to the application"),
    "ACCESS_DENIED": (403, "REST API is available only on commercial plans"),
    "PORTAL_DELETED": (500, "Portal was deleted"),
    # on no page but `rest-v3.md`, without a text
    "ERROR_METHOD_NOT_FOUND": (404, "Method not found!"),
}


class RestError(Exception):
    """An error that a portal answers with.

    Args:
        code: The documented code; `status` and `text` are those of the documentation unless given.
    """

    def __init__(self, code: str, text: str | None = None, status: int | None = None) -> None:
        documented = SYSTEM_ERRORS.get(code, (400, ""))
        self.code = code
        self.text = documented[1] if text is None else text
        self.status = status or documented[0]
        super().__init__(code)

    @property
    def body(self) -> dict[str, str]:
        return {"error": self.code, "error_description": self.text}
