"""The Salesforce platform as its tenants share it: ids, login, SOQL, REST, error codes."""
