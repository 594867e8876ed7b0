"""Events in a file, out of it again, and as a table."""
