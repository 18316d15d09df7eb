"""Packets of a file or a feed (pcap, pcapng, HEP) as Python sees them; the packet path itself is native.

    capture = Capture(["trunk.pcap.gz", "-"], keylog=b"")
    for record in capture:          # records.py, in the order in which they became known
        ledger.receive(record)
    capture.files                   # per file: packets, bytes, first, last, undecoded by reason

`Capture` raises `UnreadableCapture` (a `Malformed`) for what is not a capture, and `Unavailable` for what cannot be
opened. `Feed` takes HEP messages and packets that somebody else received. `export` writes chosen frames to a new
file and hands out one stream's packets.
"""
