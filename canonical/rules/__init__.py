"""Contract rules, one file a rule, found by their folder."""
