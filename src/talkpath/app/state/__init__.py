"""The state directory: who may read it, what operators leave there, and copies of it."""
