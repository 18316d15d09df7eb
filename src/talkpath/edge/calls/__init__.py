"""Running calls: their media, requests within them, what they are recorded as, and how they end."""
