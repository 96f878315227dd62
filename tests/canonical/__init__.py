"""Tests of the canonical model: tables with an id per row, and properties over generated values."""
