"""Recordings: made, kept, stored, told of, and the commands about them."""
