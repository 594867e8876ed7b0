"""`EventStream`, and the three ways to one: `events`, `history`, `replay`."""
