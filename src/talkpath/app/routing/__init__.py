"""`talkpath route`, and the operator's script in the running edge."""
