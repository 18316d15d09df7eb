"""DTLS-SRTP (RFC 5763, RFC 5764) and SDES (RFC 4568): how two sides get their SRTP keys. No SRTP, no sockets."""
