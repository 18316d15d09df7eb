"""`talkpath calls`: the calls of this edge."""
