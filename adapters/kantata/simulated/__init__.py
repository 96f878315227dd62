"""Inside the Kantata simulator: its records, lists, writes, feed, faults and people."""
