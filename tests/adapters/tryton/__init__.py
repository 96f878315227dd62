"""Tryton: the real server, through a proxy that may lie."""
