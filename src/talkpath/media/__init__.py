"""One call's media as a machine: legs, addresses, forwarding."""
