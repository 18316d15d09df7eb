"""The names of the network: what DNS says there."""

import asyncio

from talkpath.net.location import Kind, Naptr, Question, Record, Srv
from talkpath.net.records import NoAnswer, Said

_TTL_S = 300.0


class Zone:
    """Answers after `delay_s`, and not at all while it `is_down`. Records may be changed while calls run; the edge
    asks again when `ttl_s` is over, and after a minute for what was not there, as it does outside."""

    def __init__(self) -> None:
        self.is_down = False
        self.delay_s = 0.001
        self.ttl_s = _TTL_S
        #: what was asked, in order
        self.asked: list[tuple[str, str]] = []
        self._records: dict[Question, list[Record]] = {}

    def address(self, name: str, *addresses: str) -> None:
        """A and AAAA records, in the place of those that the name had."""
        for kind in ("A", "AAAA"):
            self._records.pop(Question(_plain(name), "A" if kind == "A" else "AAAA"), None)
        for address in addresses:
            self._add(name, "AAAA" if ":" in address else "A", address)

    def service(self, name: str, host: str, port: int = 5060, *, priority: int = 10, weight: int = 1) -> None:
        """One more SRV record; `name` with its prefix, as `_sip._udp.carrier.example`."""
        self._add(name, "SRV", Srv(priority, weight, port, _plain(host)))

    def pointer(self, name: str, service: str, replacement: str, *, order: int = 10, preference: int = 10) -> None:
        """One more NAPTR record; `service` as `SIP+D2U`."""
        self._add(name, "NAPTR", Naptr(order, preference, "s", service, _plain(replacement)))

    def forget(self, name: str) -> None:
        """There is nothing of that name any more."""
        for question in [one for one in self._records if one.name == _plain(name)]:
            del self._records[question]

    async def __call__(self, question: Question) -> Said:
        """What a server would say (`records.Ask`)."""
        self.asked.append((question.name, question.kind))
        await asyncio.sleep(self.delay_s)
        if self.is_down:
            raise NoAnswer
        return Said(tuple(self._records.get(question, ())), self.ttl_s)

    def _add(self, name: str, kind: Kind, record: Record) -> None:
        self._records.setdefault(Question(_plain(name), kind), []).append(record)


def _plain(name: str) -> str:
    return name.rstrip(".").lower()
