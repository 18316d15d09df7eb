"""The command line itself: what all commands have in common, and how they write to people."""
