"""How messages are written on, and answered by us."""
