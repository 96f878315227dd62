"""The lines of an export: one JSON object each, strict, so that nothing can hide beside a field."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from store.audit.chain import (
    AuditRow,
    Checkpoint,
    Entry,
    Seal,
    Sealed,
    Unsealed,
    canonical,
    moment,
)

FORMAT: Final = 1
_EXPORT: Final = "client-to-cash audit export 1"

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _require_base64(text: str) -> str:
    base64.b64decode(text, validate=True)
    return text


Base64 = Annotated[str, Field(max_length=512), AfterValidator(_require_base64)]
Moment = Annotated[
    AwareDatetime,
    # beyond them a moment may have no UTC
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC), le=datetime(9000, 1, 1, tzinfo=UTC)),
]


class Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RowFields(Line):
    """A row of the trail, personal values encrypted."""

    id: int
    at: Moment
    process: str
    action: str
    actor: str
    legal_entity: str
    detail: dict[str, str]
    personal: dict[str, str]

    @classmethod
    def of(cls, row: AuditRow) -> RowFields:
        return cls.model_construct(**row._asdict())

    def row(self) -> AuditRow:
        return AuditRow(
            self.id,
            self.at,
            self.process,
            self.action,
            self.actor,
            self.legal_entity,
            self.detail,
            self.personal,
        )


class Begin(Line):
    line: Literal["begin"] = "begin"
    format: Literal[1] = FORMAT
    chain: str
    exported_at: Moment


class RowLine(Line):
    line: Literal["row"] = "row"
    chain: str
    number: int
    event_id: int
    hash: Hash
    sealed_at: Moment
    row: RowFields | None


class CheckpointLine(Line):
    line: Literal["checkpoint"] = "checkpoint"
    chain: str
    number: int
    hash: Hash
    previous: int
    at: Moment
    key_id: str
    signature: Base64


class UnsealedLine(Line):
    line: Literal["unsealed"] = "unsealed"
    row: RowFields


class End(Line):
    """What was written, signed where there are keys: a cut or changed file does not fit it."""

    line: Literal["end"] = "end"
    rows: int
    checkpoints: int
    unsealed: int
    digest: Hash
    """SHA-256 of all bytes before this line."""
    key_id: str = ""
    signature: Base64 = ""


AnyLine = Annotated[
    Begin | RowLine | CheckpointLine | UnsealedLine | End, Field(discriminator="line")
]
LINE: Final[TypeAdapter[Begin | RowLine | CheckpointLine | UnsealedLine | End]] = TypeAdapter(
    AnyLine
)


class Counts(NamedTuple):
    """How many lines of each kind."""

    rows: int = 0
    checkpoints: int = 0
    unsealed: int = 0

    def with_entry(self, entry: Entry) -> Counts:
        if isinstance(entry, Sealed):
            return self._replace(rows=self.rows + 1)
        if isinstance(entry, Checkpoint):
            return self._replace(checkpoints=self.checkpoints + 1)
        return self._replace(unsealed=self.unsealed + 1)


def end_statement(chain: str, exported_at: datetime, end: End) -> bytes:
    """What the signature of an export is over."""
    return canonical(
        {
            "statement": _EXPORT,
            "chain": chain,
            "exported_at": moment(exported_at),
            "rows": end.rows,
            "checkpoints": end.checkpoints,
            "unsealed": end.unsealed,
            "digest": end.digest,
            "key_id": end.key_id,
        }
    )


def line_of(entry: Entry) -> RowLine | CheckpointLine | UnsealedLine:
    if isinstance(entry, Unsealed):
        return UnsealedLine(row=RowFields.of(entry.row))
    if isinstance(entry, Sealed):
        seal, row = entry
        return RowLine(
            chain=seal.chain,
            number=seal.number,
            event_id=seal.event_id,
            hash=seal.hash.hex(),
            sealed_at=seal.sealed_at,
            row=RowFields.of(row) if row is not None else None,
        )
    return CheckpointLine(
        chain=entry.chain,
        number=entry.number,
        hash=entry.hash.hex(),
        previous=entry.previous,
        at=entry.at,
        key_id=entry.key_id,
        signature=base64.b64encode(entry.signature).decode(),
    )


def entry_of(line: RowLine | CheckpointLine | UnsealedLine) -> Entry:
    if isinstance(line, UnsealedLine):
        return Unsealed(line.row.row())
    if isinstance(line, RowLine):
        seal = Seal(
            line.chain, line.number, line.event_id, bytes.fromhex(line.hash), line.sealed_at
        )
        return Sealed(seal, line.row.row() if line.row is not None else None)
    return Checkpoint(
        line.chain,
        line.number,
        bytes.fromhex(line.hash),
        line.previous,
        line.at,
        line.key_id,
        base64.b64decode(line.signature),
    )
