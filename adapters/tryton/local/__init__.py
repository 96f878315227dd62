"""A real Tryton server on this machine, for the demo and the tests: a separate program from its
own environment (it is GPL), prepared once and kept in the user's cache."""
