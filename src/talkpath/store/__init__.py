"""Accounts, registrations and call history on disk."""
