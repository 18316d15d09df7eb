"""Notices of recordings by HTTP (docs/decisions/recording-notices.md).

What is told and how it is signed (`notice`, `signing`), where it is kept until somebody took it (`outbox`), one try
to bring it (`sending`), and the thread that tries (`notifier`). Nothing here knows of a running call.
"""
