"""What the log says of a cluster: which nodes come and go, and whether the engine is there."""

import logging

from talkpath.app.cluster import words
from talkpath.app.console.phrase import phrase
from talkpath.app.log.formats import tell
from talkpath.base.texts import Language, Text
from talkpath.cluster.claims import Claims
from talkpath.cluster.copy import STALE_S, State
from talkpath.cluster.membership import Membership
from talkpath.cluster.nodes import Event, News, NodeRecord
from talkpath.net.addresses import take_off

_log = logging.getLogger("talkpath.cluster")


class ClusterLog:
    """Looks once a second."""

    def __init__(self, membership: Membership, claims: Claims, own: NodeRecord, language: Language) -> None:
        self._membership = membership
        self._claims = claims
        self._refused: set[str] = set()
        self._tried: set[str] = set()
        self._own = own
        self._language = language
        self._was_live: bool | None = None
        self._told: set[str] = set()

    def tell(self) -> None:
        """Look once."""
        self._tell_of_engine()
        self._tell_of_addresses()
        for event in self._membership.nodes.take_news():
            self._tell_of_node(event)
        membership, count = self._membership, self._membership.copy.counters["unreadable"]
        if membership.is_foreign or membership.shared.is_another:
            self._once("foreign", words.FOREIGN)
        elif membership.meets_newer:
            self._once("newer", words.NEWER)
        elif count:
            self._once("unreadable", words.UNREADABLE, count=count, kind=membership.unreadable_kind)

    def _tell_of_engine(self) -> None:
        health, engine = self._membership.health(), self._membership.describe()
        is_live = health.state is State.LIVE
        if health.state is not State.READING and is_live is not self._was_live:
            self._was_live = is_live
            if is_live:
                self._line(words.BACK, False, server=engine.server, waiting=health.waiting)
            else:
                self._line(words.AWAY, True)
        if is_live and engine.replicas == 1:
            self._once("one copy", words.ONE_COPY)

    def _tell_of_addresses(self) -> None:
        refused = self._claims.refused
        for host in refused.keys() - self._refused:
            self._line(words.ADDRESS_REFUSED, True, address=host, node=refused[host].to)
        self._refused = set(refused)
        self._tried &= self._refused

    def take_off(self, host: str, node: str) -> None:
        """keepalived does not take this address off, so do it here; said once."""
        reason = ""
        try:
            take_off(host)
        except OSError as error:
            reason = error.strerror or str(error)
        if host not in self._tried:
            self._tried.add(host)
            text = words.ADDRESS_STAYS if reason else words.ADDRESS_TAKEN_OFF
            self._line(text, True, address=host, node=node, reason=reason)

    def _tell_of_node(self, event: Event) -> None:
        record, own = event.record, self._own
        address = f"{record.host}:{record.port}"
        match event.news:
            case News.JOINED:
                self._line(words.JOINED, False, node=record.name, address=address)
            case News.LEFT:
                self._line(words.LEFT, False, node=record.name)
            case News.GONE:
                self._line(words.GONE, True, node=record.name, silent=STALE_S)
            case News.NAMESAKE:
                self._line(words.NAMESAKE, True, node=record.name, address=address)
            case News.FENCED:
                self._line(words.FENCED, True, node=record.name, address=address)
            case News.OTHER_DOMAINS:
                self._line(words.OTHER_DOMAINS, True, node=record.name, theirs=_domains(record), ours=_domains(own))
            case News.OTHER_PORTS:
                self._line(words.OTHER_PORTS, True, node=record.name, theirs=_ports(record), ours=_ports(own))

    def _once(self, what: str, text: Text, **values: object) -> None:
        if what not in self._told:
            self._told.add(what)
            self._line(text, True, **values)

    def _line(self, text: Text, is_trouble: bool, **values: object) -> None:
        level = logging.WARNING if is_trouble else logging.INFO
        tell(_log, level, "cluster", phrase(text, **values), self._language)


def _domains(record: NodeRecord) -> object:
    return ", ".join(sorted(record.domains)) or words.NONE_NAMED


def _ports(record: NodeRecord) -> str:
    return f"{record.first_port}-{record.last_port}"
