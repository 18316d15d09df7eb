"""Structured session descriptions one can edit, offer/answer, codec knowledge. Allocates nothing."""
