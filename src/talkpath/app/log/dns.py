"""What the log says while no DNS server answers."""

import logging

from talkpath.app import words
from talkpath.app.console.phrase import phrase
from talkpath.base.readable import printable
from talkpath.base.texts import Language

_log = logging.getLogger("talkpath.dns")


def tell_of_dns(language: Language, name: str, is_known: bool) -> None:
    """A name was asked for in vain; `is_known` where an older answer is used."""
    text = words.DNS_SILENT if is_known else words.DNS_SILENT_UNKNOWN
    _log.warning(phrase(text, name=printable(name)).say(language))
