"""The product as a whole: real PostgreSQL, Temporal and Tryton, CRM and PSA simulators, gateway and
worker as processes of their own."""
