"""A Salesforce organisation in memory: login, schema, SOQL, REST and faults, for any tenant."""
