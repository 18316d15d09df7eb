"""What was seen, as rules look at it: calls as stories, the capture around them. Says nothing of faults."""
