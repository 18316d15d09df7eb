"""Several nodes as one: a live copy of what the others decided, over NATS JetStream (docs/decisions/cluster.md).

Knows records as sealed bytes of a kind and a key. What they mean is known to who keeps a kind; nothing here decides
about calls.
"""
