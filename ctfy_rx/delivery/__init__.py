"""One source, many consumers: each gets every item, in order, and none of them hurts or holds up another."""
