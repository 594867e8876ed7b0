"""Threads, event loops and processes: who waits, who is woken, whose turn it is."""
