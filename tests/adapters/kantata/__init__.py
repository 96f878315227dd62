"""Kantata: its adapter and its simulator."""
