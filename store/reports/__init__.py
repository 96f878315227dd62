"""Reports: read from the ledger's rows and the books that were told, nothing written."""
