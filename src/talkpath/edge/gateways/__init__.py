"""Carriers and other gateways: their state, which of them a call tries, and what we ask of them ourselves."""
