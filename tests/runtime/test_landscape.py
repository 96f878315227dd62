"""The landscape file: what is read, and what each mistake is told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from canonical.errors import SetupInvalid
from canonical.landscape import SystemRole
from runtime.landscape import (
    LANDSCAPE_BYTES_MAX,
    SECRET_BYTES_MAX,
    LandscapeInvalid,
    load_landscape,
    require_environment,
    resolve_secrets,
)
from runtime.settings import SettingsError

LANDSCAPE = """\
environment: test
systems:
  - name: crm-one
    adapter: salesforce
    organisation: 00DAb00000012XyMAI
    settings: {version: "67.0", opened_at: 2026-01-01, country: NO, at: 12:30}
    secrets:
      key: {env: CRM_KEY}
      path: {file: secrets/path}
  - name: expenses
    adapter: push
entities:
  - code: DE01
    name: Nordlicht Beratung GmbH
    country: DE
    currency: EUR
    time_zone: Europe/Berlin
    systems: {crm: crm-one, expenses: expenses}
    taxes:
      - {code: S19, category: S, rate: 0.19, effective_from: 2021-01-01, erp_tax: "19"}
    tax_policy: {domestic: S19}
    erp:
      company: Nordlicht
      accounts: {4000: revenue}
    invoice_from: billing@nordlicht.example
    go_live: 2026-01-01
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "landscape.yaml"
        path.write_text(text)
        return path

    return written


def problems_of(path: Path) -> str:
    with pytest.raises(LandscapeInvalid) as refused:
        load_landscape(path)
    return "\n".join(refused.value.problems)


def changed(before: str, after: str) -> str:
    assert LANDSCAPE.count(before) == 1
    return LANDSCAPE.replace(before, after)


def test_a_landscape_file_becomes_the_canonical_landscape(write: Write) -> None:
    landscape = load_landscape(write(LANDSCAPE))
    entity = landscape.entity("DE01")
    assert entity.system(SystemRole.CRM) == "crm-one"
    assert entity.taxes[0].rate == Decimal("0.19")
    assert entity.erp.accounts == {"4000": "revenue"}


def test_words_that_yaml_would_guess_stay_text(write: Write) -> None:
    settings = load_landscape(write(LANDSCAPE)).system("crm-one").settings
    assert settings == {
        "version": "67.0",
        "opened_at": "2026-01-01",
        "country": "NO",
        "at": "12:30",
    }


def test_every_problem_is_named_with_file_line_field_and_remedy(write: Write) -> None:
    path = write(changed("currency: EUR", "currency: EURO").replace("adapter: push", "adaptor: x"))
    problems = problems_of(path)
    assert f"{path}:10: systems.1.adapter: Field required. Add adapter." in problems
    assert f"{path}:11: systems.1.adaptor: " in problems
    assert "Did you mean adapter?" in problems
    assert f"{path}:16: entities.0.currency: 'EURO' is not an ISO 4217 currency code" in problems


def test_a_rule_about_the_whole_names_the_file(write: Write) -> None:
    problems = problems_of(write(changed("crm: crm-one", "crm: nowhere")))
    assert "legal entity DE01 names unknown systems: nowhere" in problems


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        pytest.param("environment: a\nenvironment: b\n", 2, "'environment' is named", id="twice"),
        pytest.param("a: &x 1\nb: *x\n", 1, "anchors and aliases", id="anchor"),
        pytest.param("a: !!python/name:os.system x\n", 1, "tags are not read", id="tag"),
        pytest.param("a: 1\n[b]: 2\n", 2, "a key must be a word", id="list as key"),
        pytest.param("a: 1\n b: 2\n", 2, "mapping values are not allowed", id="indented"),
        pytest.param("a: 1\n---\nb: 2\n", 2, "but found another document", id="two documents"),
        pytest.param("", 1, "it is empty", id="empty"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(
    write: Write, text: str, line: int, reason: str
) -> None:
    path = write(text)
    problems = problems_of(path)
    assert problems.startswith(f"{path}:{line}: ")
    assert reason in problems


def test_a_list_in_place_of_a_landscape_is_refused(write: Write) -> None:
    assert "Input should be a valid dictionary" in problems_of(write("- a\n- b\n"))


def test_a_file_beyond_the_limit_is_refused_unparsed(write: Write) -> None:
    problems = problems_of(write("#" * (LANDSCAPE_BYTES_MAX + 1)))
    assert f"larger than {LANDSCAPE_BYTES_MAX} bytes" in problems


def test_nesting_that_would_exhaust_the_stack_is_refused(write: Write) -> None:
    assert "nested too deeply" in problems_of(write("[" * 20_000))


def test_a_missing_file_says_which_setting_names_it(tmp_path: Path) -> None:
    problems = problems_of(tmp_path / "nowhere.yaml")
    assert "No such file" in problems
    assert "C2C_LANDSCAPE_PATH" in problems


def test_a_landscape_of_another_environment_is_refused(write: Write) -> None:
    landscape = load_landscape(write(LANDSCAPE))
    require_environment(landscape, "test")
    with pytest.raises(SetupInvalid, match="belongs to the environment 'test'"):
        require_environment(landscape, "production")


def environment(name: str) -> SecretStr:
    if name != "CRM_KEY":
        raise SettingsError([f"{name}: it is not set, and the landscape refers to it. Set it."])
    return SecretStr("from-the-environment")


def test_secrets_come_from_the_environment_and_from_files(write: Write) -> None:
    path = write(LANDSCAPE)
    (path.parent / "secrets").mkdir()
    (path.parent / "secrets/path").write_text("from-a-file\n")
    secrets = resolve_secrets(load_landscape(path), path, environment=environment)
    assert secrets["crm-one"]["key"].get_secret_value() == "from-the-environment"
    assert secrets["crm-one"]["path"].get_secret_value() == "from-a-file"
    assert secrets["expenses"] == {}
    assert "from-a-file" not in repr(secrets)


def test_every_secret_that_is_missing_is_named_at_once(write: Write) -> None:
    path = write(changed("env: CRM_KEY", "env: UNSET_KEY"))
    with pytest.raises(LandscapeInvalid) as refused:
        resolve_secrets(load_landscape(path), path, environment=environment)
    unset, no_file = refused.value.problems
    assert "system crm-one, secret key: UNSET_KEY: it is not set" in unset
    assert "system crm-one, secret path: the file" in no_file
    assert "No such file" in no_file


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"\n", "is empty", id="empty"),
        pytest.param(b"x" * (SECRET_BYTES_MAX + 1), "larger than", id="too large"),
        pytest.param(b"\xff\xfe-hidden", "it is not UTF-8", id="not text"),
    ],
)
def test_an_unusable_secret_file_is_refused_without_its_content(
    write: Write, content: bytes, reason: str
) -> None:
    path = write(LANDSCAPE)
    (path.parent / "secrets").mkdir()
    (path.parent / "secrets/path").write_bytes(content)
    with pytest.raises(LandscapeInvalid, match=reason) as refused:
        resolve_secrets(load_landscape(path), path, environment=environment)
    assert "hidden" not in str(refused.value)
    assert "xxx" not in str(refused.value)
