"""A running edge that changes: a new configuration, or a new process in its place."""
