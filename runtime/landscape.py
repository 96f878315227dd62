"""Reads `landscape.yaml` into the canonical landscape, and the secrets that it refers to."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from canonical import landscape as model
from canonical.client import Address
from canonical.errors import SetupInvalid
from canonical.landscape import Landscape, SecretRef, SystemInstance
from runtime.plain_yaml import PlainYaml, YamlInvalid
from runtime.settings import SettingsError, environment_secret

LANDSCAPE_BYTES_MAX: Final = 1_000_000
SECRET_BYTES_MAX: Final = 64_000
PROBLEMS_SHOWN_MAX: Final = 50

Secrets = Mapping[str, Mapping[str, SecretStr]]
"""System instance -> name of the secret -> the secret."""

_MODELS: Final = (
    *(Landscape, SystemInstance, model.LegalEntity, model.SystemLimits, model.TaxRule),
    *(model.TaxPolicy, model.ErpMapping, SecretRef, Address),
)
_FIELDS: Final = frozenset(chain.from_iterable(kind.model_fields for kind in _MODELS))


class LandscapeInvalid(SetupInvalid):
    """The landscape cannot be used; the message lists every problem with its place and remedy."""

    def __init__(self, path: Path, problems: Iterable[str]) -> None:
        self.path, self.problems = path, list(problems)
        shown = self.problems[:PROBLEMS_SHOWN_MAX]
        if len(self.problems) > len(shown):
            shown.append(f"... and {len(self.problems) - len(shown)} more")
        super().__init__("The landscape cannot be used:\n" + "\n".join(f"  {p}" for p in shown))


def load_landscape(path: Path) -> Landscape:
    """Read and validate the file. Raises LandscapeInvalid naming file, line, field and remedy."""
    document = _parse(path)
    try:
        return Landscape.model_validate(document.value)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False)
        raise LandscapeInvalid(path, [_sentence(path, document, e) for e in errors]) from None


def require_environment(landscape: Landscape, environment_id: str) -> None:
    """Raises SetupInvalid when landscape and settings belong to different environments."""
    if landscape.environment != environment_id:
        raise SetupInvalid(
            f"the landscape belongs to the environment {landscape.environment!r}, and "
            f"C2C_ENVIRONMENT_ID says {environment_id!r}. Start with the landscape of "
            f"{environment_id!r} (C2C_LANDSCAPE_PATH), or correct C2C_ENVIRONMENT_ID."
        )


def resolve_secrets(
    landscape: Landscape,
    path: Path,
    *,
    environment: Callable[[str], SecretStr] = environment_secret,
) -> Secrets:
    """Every secret that the landscape refers to; files are looked up from `path`'s folder.

    Raises LandscapeInvalid with all that cannot be read; no message holds a secret.
    """
    problems: list[str] = []
    found: dict[str, dict[str, SecretStr]] = {}
    for system in landscape.systems:
        found[system.name] = {}
        for name, reference in system.secrets.items():
            try:
                found[system.name][name] = _secret(reference, path.parent, environment)
            except SetupInvalid as missing:
                problems.append(f"{path}: system {system.name}, secret {name}: {missing}")
    if problems:
        raise LandscapeInvalid(path, problems)
    return found


def _secret(
    reference: SecretRef, folder: Path, environment: Callable[[str], SecretStr]
) -> SecretStr:
    if reference.file:
        return _secret_in_file(folder / reference.file)
    try:
        return environment(reference.env)
    except SettingsError as unset:
        raise SetupInvalid(" ".join(unset.problems)) from None


def _secret_in_file(file: Path) -> SecretStr:
    """The text of a secret file without the line end that editors add."""
    try:
        text = _read_limited(file, SECRET_BYTES_MAX).rstrip("\r\n")
    except (OSError, ValueError) as unreadable:
        raise SetupInvalid(
            f"the file {file} cannot be read ({_reason(unreadable)}). "
            "Put the secret there, readable for this process."
        ) from None
    if not text:
        raise SetupInvalid(f"the file {file} is empty. Put the secret there.")
    return SecretStr(text)


def _read_limited(file: Path, bytes_max: int) -> str:
    with file.open("rb") as opened:
        content = opened.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise ValueError(f"it is larger than {bytes_max} bytes")
    return content.decode("utf-8")


def _reason(error: OSError | ValueError) -> str:
    """Why a file cannot be read; of an undecodable one not its bytes, they may be a secret."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def _parse(path: Path) -> PlainYaml:
    try:
        return PlainYaml(_read_limited(path, LANDSCAPE_BYTES_MAX))
    except YamlInvalid as broken:
        place = f"{path}:{broken.line}" if broken.line else str(path)
        raise LandscapeInvalid(path, [f"{place}: {broken.reason}. {broken.remedy}"]) from None
    except (OSError, ValueError) as unreadable:
        raise LandscapeInvalid(
            path,
            [
                f"{path}: it cannot be read ({_reason(unreadable)}). "
                "Name a landscape file in C2C_LANDSCAPE_PATH."
            ],
        ) from None


def _sentence(path: Path, document: PlainYaml, error: ErrorDetails) -> str:
    location = error["loc"]
    reason = error["msg"].removeprefix("Value error, ")
    field = ".".join(str(part) for part in location)
    place = f"{path}:{document.line(location)}: {field}" if field else str(path)
    return f"{place}: {reason}. {_remedy(error)}"


def _remedy(error: ErrorDetails) -> str:
    name = str(error["loc"][-1]) if error["loc"] else ""
    match error["type"]:
        case "missing":
            return f"Add {name}."
        case "extra_forbidden":
            close = difflib.get_close_matches(name, _FIELDS, n=1)
            return f"Did you mean {close[0]}?" if close else "Remove it."
        case "string_type":
            return "Write it in quotes, so that it is text."
        case "enum":
            return "Use one of the words named."
        case _:
            return "Correct it."
