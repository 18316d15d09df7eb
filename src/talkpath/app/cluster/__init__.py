"""Several nodes that are one: joining, giving way, what is shared, and what keepalived is told."""
