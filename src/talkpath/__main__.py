"""`python -m talkpath` is the command `talkpath`."""

from talkpath.app.cli import main

main()
