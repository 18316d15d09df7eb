"""What a running node says on standard error."""
