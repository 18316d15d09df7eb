"""Packets of a file or a feed (pcap, pcapng, HEP) as Python sees them."""
