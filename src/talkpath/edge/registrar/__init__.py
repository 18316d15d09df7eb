"""Who can be reached where, and whether the way there is still open."""
