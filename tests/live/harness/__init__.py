"""Real peers around an edge: phones, load, strangers, networks, and ears to compare what was heard."""
