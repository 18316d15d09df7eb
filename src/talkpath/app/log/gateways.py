"""What the log says of gateways: which go and come back, and which refuse our registration."""

import logging

from talkpath.app.console.phrase import phrase
from talkpath.app.gateways import words
from talkpath.app.log.formats import tell
from talkpath.base.texts import Language, Text
from talkpath.calls.gateway_words import reason
from talkpath.edge.gateways.table import Gateways

_log = logging.getLogger("talkpath.gateways")

# Lines at a time; a data centre that goes takes hundreds of gateways with it.
_LINES = 20
_TROUBLES = frozenset(("down", "broken", "paused", "unresolved", "registration-failed", "registration-refused"))
# Where `why` is a name of the operator's, and no reason.
_NAMED = frozenset(("unresolved", "resolved"))


class GatewayLog:
    """Looks once a second."""

    def __init__(self, gateways: Gateways, language: Language) -> None:
        self._gateways = gateways
        self._language = language

    def tell(self) -> None:
        """Look once."""
        told = self._gateways.take_told()
        for one in told[:_LINES]:
            why = one.why if one.kind in _NAMED else reason(one.why, self._language)
            said = phrase(words.HEARD, node=one.node, why=why) if one.node else why
            self._line(words.NEWS[one.kind], one.kind in _TROUBLES, gateway=one.gateway, why=said)
        if len(told) > _LINES:
            self._line(words.MORE_NEWS, True, count=len(told) - _LINES)

    def _line(self, text: Text, is_trouble: bool, **values: object) -> None:
        level = logging.WARNING if is_trouble else logging.INFO
        tell(_log, level, "gateway", phrase(text, **values), self._language)
