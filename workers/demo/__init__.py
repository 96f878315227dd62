"""The demo: one engagement, live, from a signed deal to a paid invoice."""
