"""Side-by-side measurements against the peers from Debian. README.md has the figures and how they came about."""
