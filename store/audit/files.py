"""Exports: a chain as a file of JSON lines, written once, and verified without the database."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from pydantic import ValidationError

from canonical.errors import SetupInvalid
from store.audit.chain import Checkpoint, Entry
from store.audit.findings import Check, Verdict
from store.audit.keys import KeyRing, PublicKeys, Signature
from store.audit.lines import (
    LINE,
    Begin,
    CheckpointLine,
    Counts,
    End,
    Line,
    RowLine,
    UnsealedLine,
    end_statement,
    entry_of,
    line_of,
)
from store.audit.verifier import Verifier, doubt_of

LINE_BYTES_MAX: Final = 1_000_000


async def export(
    path: Path, chain: str, entries: AsyncIterator[Entry], ring: KeyRing | None, now: datetime
) -> Counts:
    """Write a chain to a new file, readable by its owner only; it is there when it is whole.

    Raises SetupInvalid when the file cannot be made, or is there already.
    """
    with _new_file(path) as file:
        return await _write(file, chain, entries, ring, now)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Under another name until it is written to its end."""
    if path.exists():
        raise SetupInvalid(f"{path} is there already: an export is never written over")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise SetupInvalid(f"{path} cannot be written ({error.strerror})") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


async def _write(
    file: BinaryIO,
    chain: str,
    entries: AsyncIterator[Entry],
    ring: KeyRing | None,
    now: datetime,
) -> Counts:
    digest, counts = hashlib.sha256(), Counts()

    def write(line: Line) -> None:
        data = line.model_dump_json().encode() + b"\n"
        digest.update(data)
        file.write(data)

    write(Begin(chain=chain, exported_at=now))
    async for entry in entries:
        write(line_of(entry))
        counts = counts.with_entry(entry)
    write(_end(chain, counts, digest.hexdigest(), ring, now))
    return counts


def _end(chain: str, counts: Counts, digest: str, ring: KeyRing | None, now: datetime) -> End:
    bare = End(**counts._asdict(), digest=digest, key_id=ring.current if ring else "")
    if ring is None:
        return bare
    signature = ring.sign(end_statement(chain, now, bare))
    return bare.model_copy(update={"signature": base64.b64encode(signature.value).decode()})


class _Problem(NamedTuple):
    """A line that cannot be read."""

    reason: str


class _Read(NamedTuple):
    """A line of the file, with the digest of what was before it."""

    number: int
    line: Begin | RowLine | CheckpointLine | UnsealedLine | End | _Problem
    digest_before: str


def verify_file(
    path: Path, keys: PublicKeys, chain: str = "", witnesses: Sequence[Checkpoint] = ()
) -> Verdict:
    """Verify an export, of a certain chain if it is named. Ages are as of the export.

    Raises SetupInvalid when the file cannot be read at all.
    """
    reads = _lines(path)
    first = next(reads, None)
    begin = first.line if first is not None and isinstance(first.line, Begin) else None
    name = chain or (begin.chain if begin is not None else path.name)
    at = begin.exported_at if begin is not None else datetime.max.replace(tzinfo=UTC)
    verifier = Verifier(name, keys, at, witness=witness_for(name, witnesses))
    reader = _FileReader(verifier, keys, name, at)
    if begin is None:
        reader.problem(1, "it does not begin as an export does")
    elif begin.chain != name:
        reader.problem(1, f"the export is of chain {begin.chain!r}, not {name!r}")
    if first is not None and begin is None:
        reader.take(first)
    for read in reads:
        reader.take(read)
    return reader.end()


class _FileReader:
    """Hands the lines of a file to the verifier, and checks the file as a whole."""

    def __init__(
        self, verifier: Verifier, keys: PublicKeys, chain: str, exported_at: datetime
    ) -> None:
        self._verifier, self._keys = verifier, keys
        self._chain, self._exported_at = chain, exported_at
        self._counts = Counts()
        self._end: End | None = None

    def problem(self, number: int, reason: str) -> None:
        self._verifier.findings.add(Check.FILE, f"line {number}: {reason}")

    def take(self, read: _Read) -> None:
        line = read.line
        if self._end is not None:
            self.problem(read.number, "it comes after the end")
        elif isinstance(line, _Problem):
            self.problem(read.number, line.reason)
        elif isinstance(line, Begin):
            self.problem(read.number, "a second beginning")
        elif isinstance(line, End):
            self._end = line
            self._check_end(read.number, line, read.digest_before)
        else:
            self._take_entry(line)

    def _take_entry(self, line: RowLine | CheckpointLine | UnsealedLine) -> None:
        entry = entry_of(line)
        self._counts = self._counts.with_entry(entry)
        self._verifier.take(entry)

    def _check_end(self, number: int, end: End, digest: str) -> None:
        said = Counts(end.rows, end.checkpoints, end.unsealed)
        if said != self._counts:
            self.problem(
                number,
                f"it was written with {said.rows} rows, {said.checkpoints} checkpoints and "
                f"{said.unsealed} unsealed rows, and has {self._counts.rows}, "
                f"{self._counts.checkpoints} and {self._counts.unsealed}",
            )
        elif end.digest != digest:
            self.problem(number, "a line before it was changed after it was written")
        if not self._keys:
            return
        statement = end_statement(self._chain, self._exported_at, end)
        signature = Signature(end.key_id, base64.b64decode(end.signature))
        if not self._keys.proves(signature, statement):
            self.problem(number, f"the end is not signed with a known key ({end.key_id or 'none'})")

    def end(self) -> Verdict:
        if self._end is None:
            self._verifier.findings.add(Check.FILE, "the file was cut: it has no last line")
        return self._verifier.end()


def _lines(path: Path) -> Iterator[_Read]:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX), b""), 1):
                yield _Read(number, _parsed(raw), digest.hexdigest())
                digest.update(raw)
    except OSError as error:
        raise SetupInvalid(f"{path} cannot be read ({error.strerror})") from error


def _parsed(raw: bytes) -> Begin | RowLine | CheckpointLine | UnsealedLine | End | _Problem:
    if not raw.endswith(b"\n"):
        return _Problem(f"it is cut, or longer than {LINE_BYTES_MAX} bytes")
    try:
        return LINE.validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return _Problem(f"it cannot be read ({where}: {first['msg']})")


def witness_of(path: Path, keys: PublicKeys) -> Checkpoint:
    """The last checkpoint of an earlier export: whatever the chain is now, it must still hold.

    Raises SetupInvalid when the file has none that is proven.
    """
    last: Checkpoint | None = None
    for read in _lines(path):
        if isinstance(read.line, CheckpointLine):
            found = entry_of(read.line)
            assert isinstance(found, Checkpoint)
            if not (keys and doubt_of(found, keys)):
                last = found if last is None or found.number > last.number else last
    if last is None:
        raise SetupInvalid(f"{path} has no checkpoint that is signed with a known key")
    return last


def witness_for(chain: str, witnesses: Sequence[Checkpoint]) -> Checkpoint | None:
    """Of several witnesses, the one that says most of a chain."""
    of_chain = [each for each in witnesses if each.chain == chain]
    return max(of_chain, key=lambda each: each.number, default=None)
