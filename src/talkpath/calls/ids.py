"""The short names of calls: the second in which a call began, and five characters of its Call-ID.

A call has the same id whenever it is read again, live, from the history or from a capture. Ids sort by time, and the
beginning of one is a span of time, so that a history finds them by its index on the start.
"""

from talkpath import _native

# Crockford's: without the letters that are mistaken for digits.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE = {character: value for value, character in enumerate(_ALPHABET)}
_TIME_CHARACTERS = 7


def id_of(call_id: str, start: float) -> str:
    """The id of the call that began at `start` with this Call-ID."""
    return _native.id_of(call_id.encode("utf-8", "surrogateescape"), start)


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
