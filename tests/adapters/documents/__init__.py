"""Tests of the documents: read back with other people's readers."""
