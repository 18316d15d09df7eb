"""`talkpath top`: the calls that run, as they sound."""
