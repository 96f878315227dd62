"""Servers that the demo and the tests start on this machine, and that end with their starter."""
