"""Calls and phones of several nodes: what one is told of the other, and who goes on with whose calls."""
