"""Calls to findings, and reports in English and Chinese. Rules never parse bytes."""
