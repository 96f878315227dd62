"""The store: PostgreSQL tables, constraints and queries; the truth of the product."""
