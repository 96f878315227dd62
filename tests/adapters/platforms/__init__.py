"""Tests of the platforms that vendors share."""
