"""Documents for people: the invoice as a PDF, and its backup as a spreadsheet."""

from adapters.documents.invoice_files import InvoiceDocuments

__all__ = ["InvoiceDocuments"]
