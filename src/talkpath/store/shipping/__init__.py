"""Recordings that go to an object store (docs/decisions/recording-storage.md).

What a store is to us and the one way to it (`objects`), how one recording gets there and is proved to be there
(`shipment`), who brings all of them, and again (`shipper`), what is stored sealed (`sealing`), and how it comes back
(`fetching`). Nothing here knows of a running call, and none waits for it.
"""
