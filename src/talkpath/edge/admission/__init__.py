"""Who is let in, how often, and as whom."""
