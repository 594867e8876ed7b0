"""One HTTP response as a cold Observable of frames, and requests beside it: what is asked, what an answer
means, whose secrets go where, and what moves the bytes."""
