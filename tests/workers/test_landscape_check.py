"""`c2c landscape check`: a good landscape passes, a broken one is explained whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from store import migrations
from tests.workers.conftest import Document, Shell, local_document

Write = Callable[[Document], Path]


def check(c2c: Shell, *options: str) -> tuple[int, str]:
    told = c2c("landscape", "check", *options)
    assert "Traceback" not in told.err
    return told.code, told.out + told.err


def test_a_good_landscape_passes_offline_without_a_database(c2c: Shell, write: Write) -> None:
    write(local_document())
    code, said = check(c2c, "--offline")
    assert code == 0
    for system in ("salesforce", "kantata", "expenses", "tryton", "mail"):
        assert system in said
    assert "pushes signed events" in said


def system(document: Document, name: str) -> Document:
    found: Document = next(each for each in document["systems"] if each["name"] == name)
    return found


def _misspell(document: Document) -> None:
    system(document, "kantata")["poll_intervall_s"] = 5


def _unknown_adapter(document: Document) -> None:
    system(document, "tryton")["adapter"] = "triton"


def _no_secret(document: Document) -> None:
    del system(document, "kantata")["secrets"]["token"]


def _secret_file_missing(document: Document) -> None:
    system(document, "kantata")["secrets"]["token"] = {"file": "secrets/nowhere"}


def _secret_inline(document: Document) -> None:
    system(document, "kantata")["secrets"]["token"] = "t0ps3cret"


def _no_setting(document: Document) -> None:
    del system(document, "tryton")["settings"]["database"]


def _unknown_system(document: Document) -> None:
    document["entities"][0]["systems"]["psa"] = "mavenlink"


def _wrong_role(document: Document) -> None:
    document["entities"][0]["systems"]["crm"] = "kantata"


def _pushed_time(document: Document) -> None:
    document["entities"][0]["systems"]["time"] = "expenses"


def _no_mail(document: Document) -> None:
    del document["entities"][0]["systems"]["mail"]


def _unknown_tax(document: Document) -> None:
    document["entities"][0]["tax_policy"]["domestic"] = "DE-S-16"


def _other_environment(document: Document) -> None:
    document["environment"] = "production"


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (_misspell, ["poll_intervall_s", "poll_interval_s"]),
        (_unknown_adapter, ["no adapter 'triton'", "tryton"]),
        (_no_secret, ["kantata", "token"]),
        (_secret_file_missing, ["secrets/nowhere", "kantata"]),
        (_secret_inline, ["token"]),
        (_no_setting, ["tryton", "database"]),
        (_unknown_system, ["NORTH-DE", "mavenlink"]),
        (_wrong_role, ["NORTH-DE", "kantata", "crm", "does not serve"]),
        (_pushed_time, ["NORTH-DE", "expenses", "time", "does not serve"]),
        (_no_mail, ["NORTH-DE has no system for the role mail"]),
        (_unknown_tax, ["NORTH-DE", "DE-S-16"]),
        (_other_environment, ["'production'", "'demo'", "C2C_ENVIRONMENT_ID"]),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_broken_landscape_is_explained(
    c2c: Shell, write: Write, break_it: Callable[[Document], None], words: list[str]
) -> None:
    document = local_document()
    break_it(document)
    write(document)
    code, said = check(c2c, "--offline")
    assert code == 1
    for word in words:
        assert word in said
    assert "t0ps3cret" not in said


def test_several_problems_are_told_at_once(c2c: Shell, write: Write) -> None:
    document = local_document()
    _misspell(document)
    document["entities"][0]["time_zone"] = "Berlin"
    write(document)
    _, said = check(c2c, "--offline")
    assert "poll_intervall_s" in said
    assert "'Berlin' is not a time zone" in said


def test_a_file_that_is_not_there_is_said(c2c: Shell, write: Write) -> None:
    write(local_document()).unlink()
    code, said = check(c2c, "--offline")
    assert code == 1
    assert "landscape.yaml" in said


def test_online_every_system_and_the_database_answers_for_itself(at_home: Shell) -> None:
    code, said = check(at_home)
    assert code == 1
    rows = {line.split()[1]: line for line in said.splitlines() if line.count("│") >= 4}
    assert f"schema {migrations.head()}, new" in rows["database"]
    for name in ("salesforce", "kantata", "tryton", "mail"):
        assert name in rows
        assert "settings and secrets" not in rows[name]


def test_a_misspelt_variable_is_refused_with_the_right_one(c2c: Shell) -> None:
    c2c.set(landscape_pth="x")
    code, said = check(c2c, "--offline")
    assert code == 1
    assert "Did you mean C2C_LANDSCAPE_PATH?" in said
