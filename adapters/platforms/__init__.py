"""Platforms that several vendors share."""
