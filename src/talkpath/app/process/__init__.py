"""This process among others on its host."""
