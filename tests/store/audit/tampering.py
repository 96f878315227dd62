"""What somebody may do to a chain who can write to its tables, but has no key: at random."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import NamedTuple

from store.audit.chain import Checkpoint, Entry, Head, Sealed, Unsealed, chained, seal_hash
from store.audit.keys import KeyRing
from tests.store.audit.chains import CHAIN, audit_key, make_row, signed


class Tampered(NamedTuple):
    """A chain that was tampered with, and the numbers of which one at least has to be named."""

    entries: list[Entry]
    places: set[int]
    what: str
    rows: frozenset[int] = frozenset()
    """Or one of these rows, which have no number."""


Tamper = Callable[[Random, list[Entry]], Tampered]


def sealed_at(entries: list[Entry], random: Random) -> tuple[int, Sealed]:
    """A row of the chain at random, with its index."""
    index = random.choice([i for i, each in enumerate(entries) if isinstance(each, Sealed)])
    found = entries[index]
    assert isinstance(found, Sealed)
    return index, found


def checkpoint_at(entries: list[Entry], random: Random) -> tuple[int, Checkpoint]:
    index = random.choice([i for i, each in enumerate(entries) if isinstance(each, Checkpoint)])
    found = entries[index]
    assert isinstance(found, Checkpoint)
    return index, found


def edit_row(random: Random, entries: list[Entry]) -> Tampered:
    index, (seal, row) = sealed_at(entries, random)
    assert row is not None
    edits = {
        "id": row._replace(id=row.id + 1_000),
        "at": row._replace(at=row.at + timedelta(microseconds=1)),
        "process": row._replace(process=row.process + "0"),
        "action": row._replace(action=row.action.upper()),
        "actor": row._replace(actor=row.actor + " "),
        "legal_entity": row._replace(legal_entity="SOUTH-FR"),
        "detail": row._replace(detail={**row.detail, "key": "invoice-0"}),
        "personal": row._replace(personal={"actor": "AAAA"}),
    }
    field = random.choice(sorted(edits))
    edited = Sealed(seal, edits[field])
    return Tampered(replaced(entries, index, edited), {seal.number}, f"edit {field}")


def edit_detail(random: Random, entries: list[Entry]) -> Tampered:
    """The smallest edits: a key dropped, a key added, a text moved from one key to another."""
    index, (seal, row) = sealed_at(entries, random)
    assert row is not None
    key, reference = row.detail["key"], row.detail["reference"]
    details = (
        {"key": key},
        {**row.detail, "note": ""},
        {"key": reference, "reference": key},
        {f"key{key[:1]}": key[1:], "reference": reference},
    )
    edited = Sealed(seal, row._replace(detail=random.choice(details)))
    return Tampered(replaced(entries, index, edited), {seal.number}, "edit detail")


def edit_seal(random: Random, entries: list[Entry]) -> Tampered:
    index, (seal, row) = sealed_at(entries, random)
    edits = {
        "chain": seal._replace(chain="SOUTH-FR"),
        "number": seal._replace(number=seal.number + random.choice([-1, 1, 1_000])),
        "event_id": seal._replace(event_id=seal.event_id + 1),
        "hash": seal._replace(hash=random.randbytes(32)),
        "sealed_at": seal._replace(sealed_at=seal.sealed_at - timedelta(days=1)),
    }
    field = random.choice(sorted(edits))
    edited = edits[field]
    places = {seal.number, edited.number}
    return Tampered(replaced(entries, index, Sealed(edited, row)), places, f"edit seal {field}")


def edit_checkpoint(random: Random, entries: list[Entry]) -> Tampered:
    index, checkpoint = checkpoint_at(entries, random)
    edits = {
        "chain": checkpoint._replace(chain="SOUTH-FR"),
        "number": checkpoint._replace(number=checkpoint.number + 1),
        "hash": checkpoint._replace(hash=random.randbytes(32)),
        "previous": checkpoint._replace(previous=checkpoint.previous + 1),
        "at": checkpoint._replace(at=checkpoint.at - timedelta(days=1)),
        "key_id": checkpoint._replace(key_id="second"),
        "signature": checkpoint._replace(signature=random.randbytes(64)),
    }
    field = random.choice(sorted(edits))
    edited = edits[field]
    places = {checkpoint.number, edited.number}
    return Tampered(replaced(entries, index, edited), places, f"edit checkpoint {field}")


def delete_row(random: Random, entries: list[Entry]) -> Tampered:
    """With or without its seal; or the seal alone, so that the row waits again."""
    index, (seal, row) = sealed_at(entries, random)
    assert row is not None
    way = random.choice(["both", "row", "seal"])
    if way == "row":
        return Tampered(replaced(entries, index, Sealed(seal, None)), {seal.number}, "delete row")
    rest = entries[:index] + entries[index + 1 :]
    return Tampered(
        rest + ([Unsealed(row)] if way == "seal" else []), {seal.number}, f"delete {way}"
    )


def delete_checkpoint(random: Random, entries: list[Entry]) -> Tampered:
    index, checkpoint = checkpoint_at(entries, random)
    later = {each.number for each in entries if isinstance(each, Checkpoint)} | {last_of(entries)}
    places = {each for each in later if each >= checkpoint.number}
    return Tampered(entries[:index] + entries[index + 1 :], places, "delete checkpoint")


def insert_row(random: Random, entries: list[Entry]) -> Tampered:
    """With a seal that fits what is before it; or with all that follows numbered anew."""
    index, (seal, _) = sealed_at(entries, random)
    row = make_row(900)
    if random.random() < 0.3:
        old = row._replace(at=seal.sealed_at - timedelta(days=random.randint(1, 9)))
        return Tampered([*entries, Unsealed(old)], set(), "insert unsealed", frozenset({old.id}))
    before = entries[index - 1] if index else None
    previous = before.seal if isinstance(before, Sealed) else None
    head = Head(seal.number - 1, previous.hash if previous else random.randbytes(32))
    (forged,) = chained(CHAIN, head, [row], seal.sealed_at)
    rest = entries[index:]
    if random.random() < 0.5:
        rest = [_shifted(each) for each in rest]
    tampered = [*entries[:index], Sealed(forged, row), *rest]
    return Tampered(tampered, {seal.number, seal.number + 1}, "insert")


def _shifted(entry: Entry) -> Entry:
    if isinstance(entry, Sealed):
        return entry._replace(seal=entry.seal._replace(number=entry.seal.number + 1))
    return entry


def repeat_row(random: Random, entries: list[Entry]) -> Tampered:
    index, found = sealed_at(entries, random)
    place = random.randint(index + 1, len(entries))
    tampered = [*entries[:place], found, *entries[place:]]
    return Tampered(tampered, {found.seal.number}, "repeat")


def reorder(random: Random, entries: list[Entry]) -> Tampered:
    """Two rows change places: with their seals, or under each other's numbers."""
    (one, first), (two, second) = sorted(
        random.sample([(i, each) for i, each in enumerate(entries) if isinstance(each, Sealed)], 2)
    )
    numbers = {first.seal.number, second.seal.number}
    if random.random() < 0.5:
        swapped = replaced(replaced(entries, one, second), two, first)
        return Tampered(swapped, numbers | {first.seal.number + 1}, "swap lines")
    here = Sealed(first.seal._replace(event_id=second.seal.event_id), second.row)
    there = Sealed(second.seal._replace(event_id=first.seal.event_id), first.row)
    return Tampered(replaced(replaced(entries, one, here), two, there), numbers, "swap rows")


def cut_tail(random: Random, entries: list[Entry]) -> Tampered:
    """Rows and seals from somewhere on; the last checkpoint is there."""
    index, (seal, _) = sealed_at(entries, random)
    rest = [each for each in entries[index:] if isinstance(each, Checkpoint)]
    kept = rest if random.random() < 0.5 else rest[-1:]
    return Tampered([*entries[:index], *kept], {seal.number}, "cut tail")


def forge_one(random: Random, entries: list[Entry]) -> Tampered:
    """A row is edited, and its seal made anew."""
    index, (seal, row) = sealed_at(entries, random)
    assert row is not None
    edited = row._replace(actor="somebody else")
    before = entries[index - 1] if index else None
    previous = before.seal.hash if isinstance(before, Sealed) else Head().hash
    forged = seal._replace(hash=seal_hash(previous, CHAIN, seal.number, seal.sealed_at, edited))
    tampered = replaced(entries, index, Sealed(forged, edited))
    return Tampered(tampered, {seal.number, seal.number + 1}, "forge a seal")


def forge_all(random: Random, entries: list[Entry]) -> Tampered:
    """A row is edited and the whole chain made anew, its checkpoints signed with another key."""
    index, (seal, row) = sealed_at(entries, random)
    assert row is not None
    tampered = replaced(entries, index, Sealed(seal, row._replace(action="nothing.happened")))
    ring = KeyRing([audit_key(random.choice(["first", "second"]), fill=8)])
    signs = random.random() < 0.5
    head = Head()
    for place, entry in enumerate(tampered):
        if isinstance(entry, Sealed):
            assert entry.row is not None
            (made,) = chained(CHAIN, head, [entry.row], entry.seal.sealed_at)
            head = Head(made.number, made.hash)
            tampered[place] = Sealed(made, entry.row)
        elif isinstance(entry, Checkpoint) and signs:
            tampered[place] = signed(entry._replace(hash=head.hash), ring)
    checkpoints = {each.number for each in tampered if isinstance(each, Checkpoint)}
    return Tampered(tampered, checkpoints, "forge all")


TAMPERINGS: tuple[Tamper, ...] = (
    *(edit_row, edit_row, edit_detail, edit_seal, edit_checkpoint, delete_row, delete_checkpoint),
    *(insert_row, repeat_row, reorder, cut_tail, forge_one, forge_all),
)


def replaced(entries: list[Entry], index: int, entry: Entry) -> list[Entry]:
    return [*entries[:index], entry, *entries[index + 1 :]]


def last_of(entries: list[Entry]) -> int:
    return max(each.seal.number for each in entries if isinstance(each, Sealed))
