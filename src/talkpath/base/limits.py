"""Every cap of talkpath with its unit and the reason for the number. Nothing that a peer fills is unbounded."""

# One SIP message. UDP cannot carry more than 65,507 bytes, and no phone sends half of it on a stream.
SIP_MESSAGE_BYTES = 65_535
# Header fields in one message. Long Via and Record-Route chains reach some dozens; the torture tests some more.
SIP_HEADERS = 256
# Via entries after which a request is taken for a loop, whatever Max-Forwards says (RFC 3261 16.3 asks for 70).
SIP_VIAS = 70
