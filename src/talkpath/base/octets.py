"""What a peer wrote, as text and as the bytes that it was: neither loses what is no UTF-8."""


def raw(value: str) -> bytes:
    """The bytes of a text that `text` made."""
    return value.encode("utf-8", "surrogateescape")


def text(value: bytes) -> str:
    """Text of any bytes."""
    return value.decode("utf-8", "surrogateescape")
