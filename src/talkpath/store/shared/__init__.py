"""One history for several nodes, in PostgreSQL: each node's file holds what is not there yet."""
