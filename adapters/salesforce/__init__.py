"""Salesforce, the CRM: source of deals, target of billing status."""
