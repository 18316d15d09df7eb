"""`talkpath explain`: captures, folders, mirrored traffic and our own calls, explained."""
