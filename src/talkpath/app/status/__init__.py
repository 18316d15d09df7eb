"""`talkpath status`: how the edge is."""
