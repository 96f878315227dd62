"""`c2c --help` teaches: every command says what it does, every option what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pytest
import typer

from tests.workers.conftest import Shell
from workers.cli import app


class Command(Protocol):
    """What we look at; typer carries the classes themselves inside."""

    help: str | None

    @property
    def params(self) -> Sequence[object]: ...


ROOT: Command = typer.main.get_command(app)


def children(command: Command) -> dict[str, Command]:
    found: dict[str, Command] = getattr(command, "commands", {})
    return found


def commands(command: Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and group."""
    yield path
    for name, each in children(command).items():
        yield from commands(each, (*path, name))


def named(path: tuple[str, ...]) -> Command:
    command = ROOT
    for word in path:
        command = children(command)[word]
    return command


EVERY = list(commands(ROOT))


def test_the_first_page_names_the_first_steps(c2c: Shell) -> None:
    told = c2c("--help")
    assert told.code == 0
    for words in ("c2c demo", "C2C_", "c2c landscape check", "worker", "gateway"):
        assert words in told.out


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_explains_itself_and_its_options(c2c: Shell, path: tuple[str, ...]) -> None:
    told = c2c(*path, "--help")
    assert (told.code, told.err) == (0, "")
    command = named(path)
    assert command.help
    silent = [str(each) for each in command.params if not getattr(each, "help", None)]
    assert silent == []


@pytest.mark.parametrize("path", [path for path in EVERY if children(named(path))], ids=str)
def test_a_group_without_a_command_shows_its_help(c2c: Shell, path: tuple[str, ...]) -> None:
    told = c2c(*path)
    assert "Usage:" in told.out + told.err
    assert "Traceback" not in told.err


def test_a_command_that_is_not_there_is_a_usage_error(c2c: Shell) -> None:
    told = c2c("invoice")
    assert told.code == 2
    assert "No such command" in told.err
