"""The listeners of a node, and the certificates that the secure ones show."""
