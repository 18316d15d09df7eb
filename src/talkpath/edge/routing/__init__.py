"""Where a request is to go, and why."""
