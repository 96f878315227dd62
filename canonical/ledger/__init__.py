"""The double-entry ledger: accounts, journals, contract positions, open items."""
