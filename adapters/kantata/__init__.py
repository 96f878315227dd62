"""Kantata OX, the PSA: projects, teams, time and expenses."""
