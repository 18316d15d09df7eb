"""RTCP, MOS and codec clock facts: what measurements mean."""
