"""Accounts by their role; a legal entity maps them to its own chart."""

from __future__ import annotations

from enum import StrEnum


class Account(StrEnum):
    """The values are the numbers of the accounting rules; an entity's chart may differ."""

    BANK = "1010"
    RECEIVABLE = "1100"
    WITHHOLDING_TAX = "1150"
    """Tax that a customer kept back; claimed with its certificate."""
    RECEIVABLE_REVALUATION = "1190"
    CONTRACT_ASSET = "1200"
    RETENTION = "1250"
    RETENTION_REVALUATION = "1259"
    CONTRACT_ASSET_REVALUATION = "1290"
    DISBURSEMENTS = "1300"
    INPUT_VAT = "1400"
    INTERCOMPANY_RECEIVABLE = "1600"
    EMPLOYEE_PAYABLE = "2000"
    CONTRACT_LIABILITY = "2200"
    OUTPUT_TAX = "2300"
    UNAPPLIED_CASH = "2400"
    UNAPPLIED_CASH_REVALUATION = "2490"
    LOSS_PROVISION = "2500"
    INTERCOMPANY_PAYABLE = "2600"
    SERVICE_REVENUE = "4000"
    EXPENSE_REVENUE = "4010"
    INTERCOMPANY_REVENUE = "4600"
    ADJUSTMENTS = "4900"
    EXPENSE_COST = "5010"
    INTERCOMPANY_COST = "5600"
    CONTRACT_LOSSES = "5900"
    WRITE_OFF = "6100"
    BANK_CHARGES = "6200"
    REALISED_FX = "7100"
    UNREALISED_FX = "7110"
    ROUNDING = "7200"


REVALUATION_OF: dict[Account, Account] = {
    Account.RECEIVABLE: Account.RECEIVABLE_REVALUATION,
    Account.CONTRACT_ASSET: Account.CONTRACT_ASSET_REVALUATION,
    Account.RETENTION: Account.RETENTION_REVALUATION,
    Account.UNAPPLIED_CASH: Account.UNAPPLIED_CASH_REVALUATION,
}
"""The adjusting account beside each monetary one; 2200 keeps the rate of the advance (IFRIC 22)."""
