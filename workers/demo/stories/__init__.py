"""The demo's stories: one contract of each billing method, from the signed deal to cash."""
