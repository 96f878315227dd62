"""The canonical model: nouns, events, money, rules and ports. Pure: no clock, no I/O."""
