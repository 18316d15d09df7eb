"""`talkpath wav`: a call's sound as a file."""
