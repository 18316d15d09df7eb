"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 over the id, the time and the body."""

import base64
import binascii
import hmac

_PREFIX = "whsec_"
# What the convention asks of a secret.
_KEY_BYTES = range(24, 65)


def key_of(secret: str) -> bytes:
    """The key in a secret: whsec_ and Base64 of 24 to 64 bytes. Raises ValueError, which does not repeat it."""
    if not secret.startswith(_PREFIX):
        raise ValueError("it does not begin with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("what follows whsec_ is no Base64") from None
    if len(key) not in _KEY_BYTES:
        raise ValueError(f"it holds {len(key)} bytes")
    return key


def signed(key: bytes, message: str, at: int, body: bytes) -> dict[str, str]:
    """The headers that say who sends a body, and when (seconds since the epoch)."""
    digest = hmac.digest(key, f"{message}.{at}.".encode() + body, "sha256")
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
