"""Tests of the Salesforce adapter and of its simulator."""
