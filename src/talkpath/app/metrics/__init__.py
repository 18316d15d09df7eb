"""What a node tells of itself to machines: metrics, health, and a mirror of its traffic."""
