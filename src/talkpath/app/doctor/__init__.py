"""`talkpath doctor`: whether this host and its network have what an edge needs."""
