"""What browsers are shown: the page, and the guests who come with it. Shows and commands, computes nothing."""
