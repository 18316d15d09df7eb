"""Sockets, connections, DNS and timers; drives the machines and the native engine."""
