"""What strangers wrote, made harmless: on a terminal, and in a page."""
