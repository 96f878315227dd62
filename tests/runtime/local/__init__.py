"""Tests of the local servers, each against the real thing."""
