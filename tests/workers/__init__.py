"""The command line, the wiring and what is declared."""
