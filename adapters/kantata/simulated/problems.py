"""The vendor's error answers: status, type, field and a text for people; no code."""

from __future__ import annotations


class Refused(Exception):
    """A request that is answered with errors."""

    def __init__(self, status: int, type: str, message: str, field: str | None = None) -> None:
        self.status, self.type, self.message, self.field = status, type, message, field
        super().__init__(message)

    def body(self) -> dict[str, object]:
        entry = {"type": self.type, "message": self.message}
        if self.field is not None:
            entry["field"] = self.field
        return {"errors": [entry]}


def unauthorised() -> Refused:
    return Refused(401, "oauth", "Invalid OAuth 2 Request")


def not_found() -> Refused:
    return Refused(404, "system", "Record not found")


def bad_request(message: str) -> Refused:
    return Refused(400, "syntax", message)


def invalid(field: str, message: str) -> Refused:
    return Refused(422, "validation", message, field)


class ConnectionDropped(Exception):
    """No answer is sent: the connection just ends."""
