"""The configuration: its tree (`tree.py`), how a file becomes one (`file.py`), its reference page (`pages.py`)."""
