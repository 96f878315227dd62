"""The whole product on one machine: real database, Temporal and ERP, simulated CRM and PSA."""
