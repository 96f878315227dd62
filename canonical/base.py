"""The base of every canonical model: frozen, strict about names, tolerant of the future."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """An immutable value. Unknown fields are refused: what we write ourselves is exact."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fact(BaseModel):
    """An immutable value heard from elsewhere. Unknown fields are kept, so none is lost on the
    way."""

    model_config = ConfigDict(frozen=True, extra="allow")
