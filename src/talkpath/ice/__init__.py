"""STUN (RFC 8489) and the ICE agent (RFC 8445, full and lite) as a machine. No SDP beyond candidate lines."""
