"""What is ours, who is beside us, and where names lead."""
