"""What a process needs to work with a local stack: its variables, and a file of them for shells."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.settings import NamedKey, Settings


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables of a stack's own processes."""
    sealing = {
        "C2C_PAYLOAD_KEYS": _written(settings.payload_keys),
        "C2C_AUDIT_KEYS": _written(settings.audit_keys),
        "C2C_CODEC_READERS": ",".join(
            f"{each.name}:{each.digest.hex()}" for each in settings.codec_readers
        ),
        "C2C_CODEC_UI_ORIGIN": settings.codec_ui_origin or "",
    }
    return {
        **{name: value for name, value in sealing.items() if value},
        "C2C_ENVIRONMENT_ID": settings.environment_id,
        "C2C_DATABASE_URL": settings.database_url.get_secret_value(),
        "C2C_TEMPORAL_ADDRESS": settings.temporal_address,
        "C2C_LANDSCAPE_PATH": str(settings.landscape_path),
        "C2C_SECONDS_PER_BUSINESS_DAY": str(settings.seconds_per_business_day),
        "C2C_GATEWAY_PORT": str(settings.gateway_port),
    }


def _written(keys: Sequence[NamedKey]) -> str:
    return ",".join(
        f"{key.id}:{base64.b64encode(key.secret.get_secret_value()).decode()}" for key in keys
    )


def write_environment(path: Path, environment: Mapping[str, str]) -> None:
    """For people who want to use `c2c` on the running stack: `. FILE` in their shell."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
