"""A running node: made of its configuration, wired, looked after, stopped."""
