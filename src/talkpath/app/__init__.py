"""Wiring only: configuration, node life cycle, command line. Nobody imports it."""
