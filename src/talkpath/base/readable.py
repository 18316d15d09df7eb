"""What a stranger wrote, as text that can be shown, logged, encoded and kept.

A message is text with lone surrogates in the places of bytes that are no UTF-8 (PEP 383), so that it can be written
on as it came. Whatever takes text takes no such text: JSON, MessagePack and SQLite raise, a terminal obeys what it
reads. So text of a peer goes through here wherever it leaves the house.
"""

import msgspec


def readable(text: str) -> str:
    """The text with U+FFFD for bytes that are no UTF-8. Control characters stay: JSON and SQLite carry them."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def printable(text: str) -> str:
    """One line for people: all that is not to be seen (control characters, escapes, bidirectional marks, line ends)
    shows as a middle dot, so that no peer sends commands to a terminal or makes lines of a log."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "·" for char in text)


def brief(text: str, most: int) -> str:
    """The text, or its beginning and end where it has more than `most` characters: what a peer wrote must not be all
    that one can see."""
    if len(text) <= most:
        return text
    tail = most // 4
    return f"{text[: most - tail - 1]}…{text[len(text) - tail :]}"


def json_bytes(value: object) -> bytes:
    """JSON in UTF-8 of anything that msgspec encodes, text of peers within it made readable."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_readable_whole(msgspec.to_builtins(value)))


def _readable_whole(value: object) -> object:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {_readable_whole(key): _readable_whole(one) for key, one in value.items()}
    return [_readable_whole(one) for one in value] if isinstance(value, list | tuple) else value
