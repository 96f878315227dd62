"""`python -m workers` is `c2c`."""

from workers.cli import main

main()
