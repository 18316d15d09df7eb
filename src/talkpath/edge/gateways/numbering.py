"""Numbers as a gateway wants them."""

import re

from talkpath.edge.gateways.settings import Numbers

# A number of another country, as people dial it in most of the world. E.164 has at most 15 digits.
_INTERNATIONAL = re.compile(r"(?:\+|00)([1-9][0-9]{6,14})")
_PREFIX = {Numbers.PLUS: "+", Numbers.DIGITS: "", Numbers.ZEROS: "00"}


def written(number: str, wanted: Numbers) -> str:
    """A number in the form that is wanted. One that bears no country code stays as it is: which one it lacks is
    nothing that can be told from it."""
    if wanted is Numbers.AS_DIALLED:
        return number
    match = _INTERNATIONAL.fullmatch(number)
    return number if match is None else _PREFIX[wanted] + match[1]
