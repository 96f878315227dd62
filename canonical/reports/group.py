"""The group's currency: amounts translated at rates that the reader states, each rounded once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from canonical.base import Noun
from canonical.errors import RuleViolation
from canonical.money import Currency, minor_unit, round_half_up
from canonical.terms.policies import ExchangeRate


class RateNotStated(RuleViolation):
    """A report in the group's currency meets a currency whose rate nobody stated."""

    remedy = "State the rate of each currency named above, such as --rate USD/EUR=0.91."


class GroupCurrency(Noun):
    """A currency for all legal entities together."""

    currency: Currency
    rates: dict[Currency, ExchangeRate] = {}
    """Units of the group's currency for one of another."""

    def require(self, currencies: Iterable[str]) -> None:
        """Raises RateNotStated unless every currency can be translated."""
        missing = sorted({*currencies} - {*self.rates, self.currency})
        if missing:
            pairs = ", ".join(f"{each}/{self.currency}" for each in missing)
            raise RateNotStated(
                f"amounts in {', '.join(missing)} cannot be shown in {self.currency}: no rate for "
                f"{pairs} was stated"
            )

    def translated(self, amount: Decimal, currency: str) -> Decimal:
        """Rounded half-up to the group currency's minor unit."""
        rate = Decimal(1) if currency == self.currency else self.rates[currency]
        return round_half_up(amount * rate, minor_unit(self.currency))

    def all_translated(self, amounts: Mapping[str, Decimal], currency: str) -> dict[str, Decimal]:
        return {name: self.translated(amount, currency) for name, amount in amounts.items()}
