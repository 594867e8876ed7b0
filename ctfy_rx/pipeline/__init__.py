"""What a stream stands on: one connection, the log beside it, its status, and the end of all of them."""
