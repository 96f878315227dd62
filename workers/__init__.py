"""Workers, wiring and the command line: the only place where concrete classes meet."""
