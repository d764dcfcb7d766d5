"""What goes wrong with a request, and how a client is told: ``{"error": {"message", "type", "code"}}``.

No message holds a value from the body: clients log what they are told, and a body holds posts.
"""

from typing import Any

_TYPES = {401: "authentication_error", 429: "rate_limit_error"}


class Problem(Exception):
    """A request that is not answered.

    Args:
        status: The HTTP status.
        code: A short machine-readable name.
        message: What was wrong and what to do.
        retry_after: Seconds after which it may be tried again.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after

    @property
    def body(self) -> dict[str, Any]:
        """What the client is sent."""
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": self.message, "type": kind, "code": self.code, "param": None}}

    @property
    def headers(self) -> dict[str, str]:
        """What goes into the head of the response."""
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})


def of_validation(errors: list[Any]) -> Problem:
    """The first thing wrong with a body's form: where, and what; never the value."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return Problem(400, "invalid_json", "the body is not valid JSON")
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    if first["type"] == "extra_forbidden":
        # The name of the key is the client's own, and in a body put together wrongly it may be a post.
        place, what = place if len(place) <= 40 else f"{place[:40]}…", "not known or not supported here; leave it out"
    else:
        what = first["msg"]
    return Problem(400, "invalid_request", f"{place}: {what}")


def of_internal(error: BaseException) -> Problem:
    """What a client is told of a defect: its kind, not its words, which may quote a post."""
    return Problem(500, "internal_error", f"the server failed on this request ({type(error).__name__})")
