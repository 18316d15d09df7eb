"""SIP messages, grammar, framing of streams, transactions, dialogs and digest arithmetic (RFC 3261)."""
