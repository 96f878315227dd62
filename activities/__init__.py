"""Thin verbs over ports: what workflows may ask of the outside world."""
