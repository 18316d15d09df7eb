"""What happened: Call, Leg, Stream, Moment, and the ledger that builds them. Never routes."""
