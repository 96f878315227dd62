"""An export proves a chain anywhere: whatever is changed in the file is found and named."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical.errors import SetupInvalid
from store.audit import files
from store.audit.chain import Checkpoint, Entry, Unsealed
from store.audit.findings import Check, Verdict
from store.audit.keys import NO_KEYS, KeyRing
from tests.store.audit.chains import (
    CHAIN,
    KEYS,
    NOW,
    RING,
    audit_key,
    found_in,
    make_chain,
    make_row,
)

TAMPERINGS = 200
ENTRIES: Sequence[Entry] = (*make_chain(), Unsealed(make_row(50)._replace(at=NOW)))
Lines = list[str]


async def write(path: Path, ring: KeyRing | None = RING) -> Path:
    async def entries() -> AsyncIterator[Entry]:
        for each in ENTRIES:
            yield each

    await files.export(path, CHAIN, entries(), ring, NOW)
    return path


@pytest.fixture
async def exported(tmp_path: Path) -> Path:
    return await write(tmp_path / "trail.jsonl")


def changed(path: Path, change: Callable[[Lines], Lines]) -> Verdict:
    """What is found in the file after its lines were changed."""
    lines = change(path.read_text().splitlines())
    other = path.with_name("changed.jsonl")
    other.write_text("".join(f"{line}\n" for line in lines))
    return files.verify_file(other, KEYS)


def look(path: Path) -> tuple[int, bytes]:
    """Who may read a file, and what is in it."""
    return path.stat().st_mode, path.read_bytes()


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def edited(line: str, **changes: object) -> str:
    return json.dumps({**json.loads(line), **changes})


async def test_an_export_verifies_as_the_chain_does(exported: Path) -> None:
    verdict = files.verify_file(exported, KEYS)
    assert verdict.is_whole
    assert (verdict.chain, verdict.rows, verdict.checkpoints, verdict.unsealed) == (CHAIN, 20, 4, 1)


async def test_an_export_is_readable_by_its_owner_only_and_never_written_over(
    exported: Path,
) -> None:
    before = look(exported)
    assert before[0] & 0o077 == 0
    with pytest.raises(SetupInvalid, match="never written over"):
        await write(exported)
    assert look(exported) == before


async def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[Entry]:
        yield ENTRIES[0]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.export(tmp_path / "trail.jsonl", CHAIN, broken(), RING, NOW)
    with pytest.raises(SetupInvalid, match="cannot be written"):
        await write(tmp_path / "nowhere" / "trail.jsonl")
    assert files_in(tmp_path) == []


async def test_a_row_that_is_edited_in_the_file_is_named(exported: Path) -> None:
    def edit(lines: Lines) -> Lines:
        row = json.loads(lines[3])["row"]
        return [*lines[:3], edited(lines[3], row={**row, "actor": "nobody"}), *lines[4:]]

    found = changed(exported, edit)
    assert found_in(found) == [(Check.ROW, 3), (Check.FILE, None)]
    assert found.findings[0].row_id == 103


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda lines: lines[1:], "does not begin"),
        (lambda lines: lines[:-1], "no last line"),
        (lambda lines: [*lines, lines[-1]], "after the end"),
        (lambda lines: [*lines[:2], lines[0], *lines[2:]], "a second beginning"),
        (lambda lines: [*lines[:-2], lines[-1]], "it was written with 20 rows"),
        (lambda lines: [*lines[:4], "{", *lines[4:]], "cannot be read"),
        (lambda lines: [*lines[:4], edited(lines[4], more="x"), *lines[5:]], "more: Extra"),
        (lambda lines: [*lines[:4], edited(lines[4], number="4"), *lines[5:]], "valid integer"),
        (lambda lines: [*lines[:-1], edited(lines[-1], key_id="second")], "(second)"),
        (lambda lines: [*lines[:-1], edited(lines[-1], key_id="", signature="")], "(none)"),
        (lambda lines: [edited(lines[0], chain="SOUTH-FR"), *lines[1:]], "is not signed"),
        (
            lambda lines: [edited(lines[0], exported_at="2027-01-01T00:00:00Z"), *lines[1:]],
            "end is",
        ),
        (lambda lines: ["x" * (files.LINE_BYTES_MAX + 1), *lines], "longer than"),
    ],
)
async def test_a_file_that_is_not_as_it_was_written_is_told_with_the_reason(
    exported: Path, change: Callable[[Lines], Lines], reason: str
) -> None:
    told = [each.message for each in changed(exported, change).findings]
    assert [message for message in told if reason in message] != []


async def test_any_changed_line_is_found_also_one_that_no_hash_covers(exported: Path) -> None:
    random = Random(7)
    for _ in range(TAMPERINGS):

        def change(lines: Lines) -> Lines:
            place = random.randrange(len(lines))
            return [*lines[:place], _scratched(lines[place], random), *lines[place + 1 :]]

        assert not changed(exported, change).is_whole


def _scratched(line: str, random: Random) -> str:
    """One character of the line is another one."""
    place = random.randrange(len(line))
    other = random.choice([each for each in "0a9F:,}" if each != line[place]])
    return line[:place] + other + line[place + 1 :]


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=80), max_size=5))
def test_no_file_makes_the_verifier_fall(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("strange") / "trail.jsonl"
    path.write_bytes(b"\n".join(lines))
    assert not files.verify_file(path, KEYS).is_whole


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_moment_that_has_no_utc_is_no_line(exported: Path, at: str) -> None:
    found = changed(exported, lambda lines: [lines[0], edited(lines[1], sealed_at=at), *lines[2:]])
    assert "sealed_at" in found.findings[0].message


async def test_an_export_without_keys_is_checked_without_them_and_refused_with_them(
    tmp_path: Path,
) -> None:
    path = await write(tmp_path / "unsigned.jsonl", ring=None)
    assert files.verify_file(path, NO_KEYS).is_whole
    assert found_in(files.verify_file(path, KEYS)) == [(Check.FILE, None)]


async def test_an_export_of_another_chain_than_the_one_asked_for_is_told(exported: Path) -> None:
    found = files.verify_file(exported, KEYS, chain="SOUTH-FR")
    assert found.findings[0].message == f"line 1: the export is of chain '{CHAIN}', not 'SOUTH-FR'"


def test_a_file_that_is_not_there_is_said_to_be_unreadable(tmp_path: Path) -> None:
    with pytest.raises(SetupInvalid, match="cannot be read"):
        files.verify_file(tmp_path / "none.jsonl", KEYS)


async def test_the_last_proven_checkpoint_of_an_earlier_export_is_its_witness(
    exported: Path,
) -> None:
    last = ENTRIES[-2]
    assert isinstance(last, Checkpoint)
    assert files.witness_of(exported, KEYS) == last
    with pytest.raises(SetupInvalid, match="no checkpoint that is signed with a known key"):
        files.witness_of(exported, KeyRing([audit_key(fill=9)]).public())


def test_of_several_witnesses_the_one_that_says_most_of_the_chain_counts() -> None:
    witnesses = [each for each in ENTRIES if isinstance(each, Checkpoint)]
    foreign = witnesses[0]._replace(chain="SOUTH-FR", number=99)
    assert files.witness_for(CHAIN, [*witnesses, foreign]) == witnesses[-1]
    assert files.witness_for("WEST", witnesses) is None
