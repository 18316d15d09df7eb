"""DTLS-SRTP (RFC 5764) and SDES (RFC 4568) keying, as machines."""
