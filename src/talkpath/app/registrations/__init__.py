"""`talkpath registrations`: who is registered, and who tries in vain."""
