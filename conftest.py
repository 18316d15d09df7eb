"""Loads what tests of all folders use, from the talkpath that is tested."""

pytest_plugins = ["talkpath.testing.plugin"]
