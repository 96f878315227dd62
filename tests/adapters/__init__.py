"""Tests of the adapters: each alone, and all by one conformance suite."""
