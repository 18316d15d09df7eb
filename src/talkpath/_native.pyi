"""The native core, typed."""
