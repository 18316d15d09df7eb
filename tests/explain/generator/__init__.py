"""Composes captures for the tests: hosts, calls and faults in, pcap bytes out. Deterministic, no sockets."""
