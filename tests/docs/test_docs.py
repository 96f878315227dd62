"""The documents say what is there: links, commands, variables, names and examples are checked."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from prometheus_client import CollectorRegistry
from typer.core import TyperGroup
from typer.main import get_command

from adapters.http import VENDOR_CALLS
from canonical import errors
from gateway.metrics import GatewayMetrics
from runtime.settings import FREE_PREFIX, KNOWN_VARIABLES, Settings, variable_name
from tests.docs.pages import ROOT, Page, page, pages, spans
from workers.cli import app
from workflows import names
from workflows.registry import WORKFLOWS

PROCESS, OPERATIONS = page("docs/process.md"), page("docs/operations.md")
IMAGE_BYTES_MAX = 150_000

every_page = pytest.mark.parametrize("document", pages(), ids=str)


@every_page
def test_every_link_and_anchor_leads_somewhere(document: Page) -> None:
    broken = [link for link in document.links() if not _resolves(document, link)]
    assert broken == []


def _resolves(document: Page, link: str) -> bool:
    if link.startswith("https://"):
        return True
    path, _, anchor = link.partition("#")
    target = (
        (ROOT / PurePosixPath(document.path).parent / path).resolve()
        if path
        else ROOT / document.path
    )
    if not target.exists():
        return False
    return not anchor or anchor in page(str(target.relative_to(ROOT))).anchors()


def test_every_image_is_small_and_shown_somewhere() -> None:
    shown = {PurePosixPath(link).name for each in pages() for link in each.links()}
    for image in (ROOT / "docs/images").iterdir():
        assert image.name in shown
        assert image.stat().st_size < IMAGE_BYTES_MAX


@every_page
def test_every_make_target_exists(document: Page) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    for line in document.code():
        for named in re.findall(r"\bmake ((?:[a-z]+ ?)+)", line.partition("#")[0]):
            assert set(named.split()) <= targets, line


@every_page
def test_every_c2c_command_and_option_exists(document: Page) -> None:
    for line in document.code():
        match = re.search(r"(?:^|[ /])c2c ([a-z].*)", line.partition("#")[0])
        if match:
            _require_command(match[1].split(), line)


def _require_command(words: list[str], line: str) -> None:
    command = get_command(app)
    while isinstance(command, TyperGroup) and words:
        assert words[0] in command.commands, line
        command, words = command.commands[words[0]], words[1:]
    known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known, line


@every_page
def test_every_variable_exists(document: Page) -> None:
    for name in re.findall(r"\bC2C_[A-Z_]*[A-Z]\b", document.text):
        assert name in KNOWN_VARIABLES or name.startswith(FREE_PREFIX)


def test_the_readme_lists_every_setting_with_its_default() -> None:
    listed = {
        spans(name)[0]: spans(default)
        for name, default, _ in page("README.md").rows("## Configuration")
    }
    assert set(listed) == KNOWN_VARIABLES
    fields = {variable_name(name): field for name, field in Settings.model_fields.items()}
    for name, shown in listed.items():
        assert shown == _default(fields.get(name)), name


def _default(field: object) -> list[str]:
    """As the table shows it: nothing for what is not set."""
    value = getattr(field, "default", None)
    if value in (None, ()):
        return []
    secret = getattr(value, "get_secret_value", None)
    text = str(secret() if secret else value)
    return [text.lower() if isinstance(value, bool) else text]


def test_the_readme_places_every_folder() -> None:
    listed = {
        name.rstrip("/")
        for row in page("README.md").rows("## The folders")
        for name in spans(row[0])
    }
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders <= listed


def test_every_workflow_is_told_with_its_id() -> None:
    told = {
        spans(row[0])[0]: spans(row[1])[0]
        for row in PROCESS.rows("## The workflows")
        if len(row) == 5
    }
    assert set(told) == {workflow.__name__ for workflow in WORKFLOWS}
    for workflow, prefix in (
        (names.ENGAGEMENT, names.engagement("")),
        (names.PROJECT_SETUP, names.project_setup("")),
        (names.BILLING_CYCLE, "billing/"),
        (names.INVOICE_TO_CASH, names.invoice_to_cash("")),
        (names.INTAKE, names.intake("")),
        (names.RECONCILE, "reconcile/"),
        (names.REVENUE_CLOSE, "revenue/"),
    ):
        assert told[workflow].startswith(prefix)


def test_every_signal_is_told() -> None:
    told = {spans(row[0])[0] for row in PROCESS.rows("## The workflows") if len(row) == 4}
    assert told == names.PEOPLES_SIGNALS


def test_every_search_attribute_is_told_with_its_type() -> None:
    told = {spans(row[0])[0]: row[1] for row in OPERATIONS.rows("### Search attributes")}
    assert told == names.SEARCH_ATTRIBUTES


def test_every_error_that_people_meet_is_told_with_its_owner() -> None:
    owners = {cause: row[2] for row in OPERATIONS.rows("### Who acts") for cause in spans(row[0])}
    for name, kind in vars(errors).items():
        is_leaf = isinstance(kind, type) and issubclass(kind, errors.DomainError)
        if is_leaf and name not in ("DomainError", "SystemOutcome"):
            assert name in owners
            if not kind.retryable:
                assert owners[name] == kind.owner.value.replace("_", " ")


def test_every_metric_exists() -> None:
    ours = GatewayMetrics(CollectorRegistry()).registry.collect()
    known = {metric.name for metric in (*ours, *VENDOR_CALLS.collect())}
    named = {name for each in pages() for name in re.findall(r"\bc2c_[a-z_]+", each.prose())}
    assert named - {"c2c_"} <= known


@every_page
def test_nothing_speaks_of_one_machine(document: Page) -> None:
    assert re.findall(r"(?<![\w.])/(?:work|root|home|tmp|Users)/", document.text) == []


def test_every_decision_tells_situation_choice_and_cost() -> None:
    for each in pages():
        if each.path.startswith("docs/decisions/"):
            for part in ("Situation", "Choice", "What we gave up"):
                assert f"**{part}.**" in each.text, each.path
