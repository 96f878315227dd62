"""Whose account the token opens: the proof that an environment is not wired to another's."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from adapters.kantata.api import Kantata
from canonical.errors import SetupInvalid
from canonical.landscape import SystemInstance


class BearerToken:
    """Kantata's token does not expire and cannot be renewed: a 401 needs a person."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token.get_secret_value()}"}

    async def renew(self) -> bool:
        return False


async def check_account(kantata: Kantata, system: SystemInstance) -> str:
    """One line that names account and user. Raises SetupInvalid for another environment's."""
    me = await kantata.users.show("me")
    if system.organisation and me.account_id != system.organisation:
        raise SetupInvalid(
            f"system {system.name} belongs to account {system.organisation}, but its token opens "
            f"account {me.account_id}"
        )
    return f"Kantata account {me.account_id or 'unknown'} as {me.full_name}"
