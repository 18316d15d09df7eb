"""The short names of calls: the second in which a call began, and five characters of its Call-ID.

A call has the same id whenever it is read again, live, from the history or from a capture. Ids sort by time, and the
beginning of one is a span of time, so that a history finds them by its index on the start.
"""

from hashlib import blake2s

# Crockford's: without the letters that are mistaken for digits.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE = {character: value for value, character in enumerate(_ALPHABET)}
_TIME_CHARACTERS, _HASH_CHARACTERS = 7, 5


def id_of(call_id: str, start: float) -> str:
    """The id of the call that began at `start` with this Call-ID."""
    digest = blake2s(f"{start:.6f} {call_id}".encode("utf-8", "replace"), digest_size=4).digest()
    return _text(int(start), _TIME_CHARACTERS) + _text(int.from_bytes(digest), _HASH_CHARACTERS)


def span_of(beginning: str) -> tuple[float, float] | None:
    """From when to when (exclusive) the calls began whose ids start so; None for what begins no id."""
    if not beginning or any(character not in _VALUE for character in beginning):
        return None
    known = beginning[:_TIME_CHARACTERS]
    value = 0
    for character in known:
        value = value * 32 + _VALUE[character]
    unit = 32 ** (_TIME_CHARACTERS - len(known))
    return float(value * unit), float((value + 1) * unit)


def _text(number: int, characters: int) -> str:
    found = ""
    for _ in range(characters):
        found = _ALPHABET[number & 31] + found
        number >>= 5
    return found
