"""Deterministic orchestration: the business processes, written as they read."""
