"""The books of contracts: heard, told by the engine, and kept as immutable rows."""
