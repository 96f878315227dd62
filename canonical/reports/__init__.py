"""Reports of finance: their rows, totals, proofs, and the group's currency."""
