"""The subcommands of `c2c`, one file per idea; each offers `register(app)`."""
