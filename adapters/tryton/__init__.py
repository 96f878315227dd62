"""Tryton, the ERP: parties, projects, invoices, payments."""
