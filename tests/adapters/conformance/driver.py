"""What an adapter gives to the suite: `DRIVER` in `tests/adapters/<adapter>/bench.py`.

A driver opens a bench (the adapter built against its simulator or real server, with seeded data)
and lists scenarios: reads, writes, creates, feeds and drifts, named `<port>.<method>`. The suite
meets each of them with every fault. Callables take the opened bench, so that lists are static.
"""

from __future__ import annotations

import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Generic, Protocol, TypeVar

import pytest

from adapters.registry import Ports
from canonical.ids import ExternalRef


class Faults(Protocol):
    """What the vendor (or a proxy in front of it) does wrong, on demand.

    "The next request" never means a login or token request, except where it says so.
    """

    async def lose_next_write_answer(self) -> None:
        """The next write is carried out; its answer never arrives."""
        ...

    async def delay_next_write(self) -> None:
        """The next write gets no answer, and is carried out only when `land` is called."""
        ...

    async def land(self) -> None:
        """Carry out the delayed write now. Whatever it answers, nobody hears."""
        ...

    async def busy_once(self, retry_after_s: float) -> None:
        """The next request is refused with the vendor's "slow down" and this Retry-After."""
        ...

    async def down_once(self) -> None:
        """The next request is answered 503 (no Retry-After) and not carried out."""
        ...

    async def expire_token(self) -> None:
        """The session or token in use is valid no more; a new login works."""
        ...

    async def refuse_credentials(self) -> None:
        """From now on no session is valid and no login works."""
        ...

    def logins(self) -> int:
        """How many logins (token requests) have succeeded so far."""
        ...


class Bench(Protocol):
    """An adapter at work on seeded data. An adapter's own bench class adds what its scenarios
    need."""

    @property
    def ports(self) -> Ports: ...

    @property
    def faults(self) -> Faults: ...


B = TypeVar("B", bound=Bench)
Step = Callable[[B], Awaitable[object]]


@dataclass(frozen=True)
class Read(Generic[B]):
    """A read of seeded data; `missing` is the same read of a record that the system has not."""

    name: str
    call: Step[B]
    missing: Step[B] | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Write(Generic[B]):
    """A write that may be repeated: an upsert by our key, a state change, a status.

    `call` answers the record's reference or None, the same each time. `effects` counts, behind the
    adapter's back, how often the write is in force: 0 before, 1 after, whatever happened between.
    `rejected` is the same write with data that the system refuses.
    """

    name: str
    call: Callable[[B], Awaitable[ExternalRef | None]]
    effects: Callable[[B], Awaitable[int]]
    rejected: Step[B] | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Create(Generic[B]):
    """A create that the vendor does not dedupe; `find` is the probe by our key, through the
    port."""

    name: str
    call: Step[B]
    find: Callable[[B], Awaitable[Sequence[ExternalRef]]]
    rejected: Step[B] | None = None

    def __str__(self) -> str:
        return self.name


Page = tuple[Sequence[str], str]
"""Ids of one page, and the cursor after it (empty text: this walk has none)."""


@dataclass(frozen=True)
class Feed(Generic[B]):
    """A walk over pages. The bench seeds more than two pages of it."""

    name: str
    pages: Callable[[B, str], AsyncIterator[Page]]
    change: Callable[[B], Awaitable[str]]
    """Change a seeded record, or add one, so that the feed must tell it (again); its id."""
    all_ids: Callable[[B], Awaitable[set[str]]]
    resumes: bool = True
    """False for a walk that always starts at the beginning."""

    def __str__(self) -> str:
        return self.name


class DriftKind(StrEnum):
    MISSING_FIELD = "missing_field"
    CHANGED_TYPE = "changed_type"
    UNKNOWN_VALUE = "unknown_value"
    """A value outside an enumeration (or coded list) that the adapter maps."""


@dataclass(frozen=True)
class Drift(Generic[B]):
    """The vendor's schema moved; the read that meets it must name the place (`where`)."""

    kind: DriftKind
    apply: Step[B]
    read: Step[B]
    where: str
    """A part of `AnswerUnreadable.where`, such as the field's name."""

    def __str__(self) -> str:
        return f"{self.kind}-{self.where}"


@dataclass(frozen=True)
class Driver(Generic[B]):
    """How the suite drives one adapter.

    `open` may use `request.getfixturevalue` for a (synchronous) session fixture such as a server.
    `covers` names port methods that are driven inside other scenarios.
    """

    adapter: str
    open: Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[B]]
    reads: tuple[Read[B], ...] = ()
    writes: tuple[Write[B], ...] = ()
    creates: tuple[Create[B], ...] = ()
    feeds: tuple[Feed[B], ...] = ()
    drifts: tuple[Drift[B], ...] = ()
    covers: frozenset[str] = field(default_factory=frozenset)
    renews: bool = True
    """False for a vendor whose token nobody but a person can renew."""

    def names(self) -> set[str]:
        names = [
            *(read.name for read in self.reads),
            *(write.name for write in self.writes),
            *(create.name for create in self.creates),
            *(feed.name for feed in self.feeds),
        ]
        return set(names) | self.covers


AnyDriver = Driver[Any]
"""A driver of whatever bench: the suite only passes benches back to their own scenarios."""


def drivers() -> dict[str, AnyDriver]:
    """All drivers by adapter: every folder beside this one whose `bench` module has `DRIVER`."""
    import tests.adapters as folder

    found: dict[str, AnyDriver] = {}
    for module in pkgutil.iter_modules(folder.__path__):
        name = f"tests.adapters.{module.name}.bench"
        if module.ispkg and find_spec(name) is not None:
            driver: AnyDriver = import_module(name).DRIVER
            found[driver.adapter] = driver
    return found
