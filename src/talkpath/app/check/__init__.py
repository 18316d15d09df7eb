"""`talkpath check`: what is amiss with a configuration, and with what it names."""
