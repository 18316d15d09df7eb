"""What DNS says, asked for once and remembered for as long as it may be.

Whoever asks for a name that is being asked for waits for the same answer. What is known serves on for a while when no
server answers (RFC 8767), and that nothing came is remembered too, so that each call does not wait for it.
"""

import asyncio
import logging
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol, cast

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from talkpath.base import limits
from talkpath.net.hosts import HostsFile
from talkpath.net.location import Answers, Kind, Naptr, Question, Record, Srv

_log = logging.getLogger(__name__)

# A server that wants 0 wants each call to be asked for; one lookup in five seconds follows any change soon enough.
_LEAST_TTL_S = 5.0
# Who moves a service without having lowered its TTL before waits an hour.
_MOST_TTL_S = 3_600.0
# That there is nothing: a name that somebody has just made is found soon (RFC 2308 would let it be hours).
_MOST_NEGATIVE_TTL_S = 60.0
# RFC 8767 section 5: for how long what ran out serves on while no server answers, and when that is tried again.
_STALE_S = 86_400.0
_FAILED_S = 10.0
# Names that cannot be asked for are told once in that time.
_TELL_EVERY_S = 60.0
_CONF = "/etc/resolv.conf"
_CONF_LOOK_EVERY_S = 5.0
_CHAIN = 8
_FAMILY: dict[Kind, int] = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}


class Waits(NamedTuple):
    """How long a question may take in seconds: at one server before it is repeated or the next is asked, altogether,
    and where something older is known."""

    try_s: float = 1.0
    whole_s: float = 4.0
    with_older_s: float = 1.0


class Said(NamedTuple):
    """What servers said: records, none where there are none, and for how many seconds."""

    records: tuple[Record, ...]
    ttl_s: float


class NoAnswer(Exception):
    """No server gave an answer that could be used."""


class Ask(Protocol):
    """Asks a question of DNS."""

    def __call__(self, question: Question) -> Awaitable[Said]:
        """Raises NoAnswer."""


class _Known:
    """An answer, and until when it counts, without a new one and if none can be had."""

    __slots__ = ("ask_again_at", "records", "stale_at", "until")

    def __init__(self, records: tuple[Record, ...], until: float, stale_at: float) -> None:
        self.records = records
        self.until = until
        self.stale_at = stale_at
        #: after a failure: not before that
        self.ask_again_at = 0.0


class Records:
    """See the module's docstring."""

    def __init__(
        self,
        ask: Ask,
        now: Callable[[], float],
        at_once: int,
        tell: Callable[[str, bool], None],
        hosts: HostsFile | None = None,
        waits: Waits | None = None,
    ) -> None:
        """`at_once` questions are under way at a time; `tell(name, is_known)` hears of names for which no server
        answered, and whether what was known of them is used."""
        self._ask = ask
        self._now = now
        self._tell = tell
        self._hosts = hosts or HostsFile()
        self._with_older_s = (waits or Waits()).with_older_s
        self._turns = asyncio.Semaphore(at_once)
        #: the one that was not used for longest comes first
        self._known: dict[Question, _Known] = {}
        self._held = 0
        self._under_way: dict[Question, asyncio.Task[tuple[Record, ...]]] = {}
        self._tell_again_at = float("-inf")
        self.counters: Counter[str] = Counter()

    def known(self, questions: Sequence[Question]) -> Answers | None:
        """The answers to all of these; None where one must be asked for."""
        now, answers = self._now(), {}
        for question in questions:
            found = self._at_hand(question, now)
            if found is None:
                return None
            answers[question] = found
        return answers

    async def find(self, questions: Sequence[Question]) -> Answers:
        """The answers to all of these; nothing where nothing can be found."""
        found = await asyncio.gather(*map(self._find, questions))
        return dict(zip(questions, found, strict=True))

    def is_answered(self, question: Question) -> bool:
        """Whether what was just found for a question is what somebody said, be it that there is nothing."""
        if self._hosts.addresses(_host_of(question), self._now()):
            return True
        known = self._known.get(question)
        return known is not None and (bool(known.records) or known.until > self._now())

    def _at_hand(self, question: Question, now: float) -> tuple[Record, ...] | None:
        if named := self._hosts.addresses(_host_of(question), now):
            # Who wrote a name into that file wants no services of it looked up.
            return tuple(one for one in named if question.kind == ("AAAA" if ":" in one else "A"))
        known = self._known.get(question)
        if known is None or max(known.until, known.ask_again_at) <= now:
            return None
        self._known[question] = self._known.pop(question)
        return known.records

    async def _find(self, question: Question) -> tuple[Record, ...]:
        now = self._now()
        found = self._at_hand(question, now)
        if found is not None:
            return found
        task = self._under_way.get(question)
        if task is None:
            if len(self._under_way) >= limits.DNS_QUESTIONS:
                self.counters["too_many"] += 1
                return ()
            task = asyncio.get_running_loop().create_task(self._asked(question))
            self._under_way[question] = task
            task.add_done_callback(lambda _: self._under_way.pop(question, None))
        known = self._known.get(question)
        if known is not None and known.stale_at > now:
            done, _ = await asyncio.wait({task}, timeout=self._with_older_s)
            if not done:
                return known.records
        return await asyncio.shield(task)

    async def _asked(self, question: Question) -> tuple[Record, ...]:
        """Ask the servers and remember what comes of it."""
        try:
            async with self._turns:
                self.counters["questions"] += 1
                said = await self._ask(question)
        except NoAnswer:
            return self._failed(question)
        except Exception:  # noqa: BLE001 - the outermost driver: one strange answer must not stop a call for ever
            _log.exception("an answer of DNS for %s could not be read; please report this", question.name)
            return self._failed(question)
        now, records = self._now(), said.records[: limits.DNS_ANSWER]
        most_s = _MOST_TTL_S if records else _MOST_NEGATIVE_TTL_S
        until = now + min(max(said.ttl_s, _LEAST_TTL_S), most_s)
        self._keep(question, _Known(records, until, until + _STALE_S))
        return records

    def _failed(self, question: Question) -> tuple[Record, ...]:
        now = self._now()
        self.counters["unanswered"] += 1
        known = self._known.get(question)
        if known is None or known.stale_at <= now:
            known = _Known((), now, now)
        known.ask_again_at = now + _FAILED_S
        self._keep(question, known)
        if now >= self._tell_again_at:
            self._tell_again_at = now + _TELL_EVERY_S
            self._tell(question.name, bool(known.records))
        return known.records

    def _keep(self, question: Question, known: _Known) -> None:
        """The longest unused make room: names come and go, and strangers bring some."""
        before = self._known.pop(question, None)
        self._held += 1 + len(known.records) - (1 + len(before.records) if before is not None else 0)
        self._known[question] = known
        while self._held > limits.DNS_RECORDS:
            oldest = self._known.pop(next(iter(self._known)))
            self._held -= 1 + len(oldest.records)


class Servers:
    """Asks the servers that the system names, of whom it may name others at any time."""

    def __init__(self, waits: Waits | None = None, conf: str = _CONF, port: int = 53) -> None:
        self._waits = waits or Waits()
        self._conf = conf
        self._port = port
        self._resolver: dns.asyncresolver.Resolver | None = None
        #: nobody answered the last question, whatever it was
        self._is_silent = False
        self._changed = 0
        self._looked_at = float("-inf")

    async def __call__(self, question: Question) -> Said:
        """See `Ask`."""
        try:
            name = dns.name.from_text(question.name, None)
            # A name without a dot is completed as this host is told to (`search`).
            name = name if len(name) == 1 else name.concatenate(dns.name.root)
        except (dns.exception.DNSException, ValueError):
            return Said((), 0.0)  # no name that could be in DNS
        try:
            said = await self._follow(name, question.kind)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise NoAnswer from error
        if said.records or question.kind not in _FAMILY or not (len(name) == 1 or question.name.endswith(".local")):
            return said
        return Said(await _others(question), said.ttl_s)

    async def _follow(self, name: dns.name.Name, kind: Kind) -> Said:
        """Ask, and ask again where an alias leads if the server did not."""
        ttl_s = _MOST_TTL_S
        for _ in range(_CHAIN):
            try:
                answer = await self._resolved(name, kind)
            except dns.resolver.NXDOMAIN as nothing:
                return Said((), min([ttl_s, *map(_ttl_s, cast(Any, nothing).responses().values())]))
            ttl_s = min(ttl_s, float(answer.chaining_result.minimum_ttl))
            if answer.rrset is not None:
                return Said(tuple(one for record in answer.rrset if (one := _plain(record)) is not None), ttl_s)
            if answer.canonical_name == answer.qname:
                return Said((), ttl_s)
            name = answer.canonical_name
        return Said((), 0.0)

    async def _resolved(self, name: dns.name.Name, kind: Kind) -> dns.resolver.Answer:
        """While all are silent, each question waits for one try only: a call has several, one after another."""
        waits, resolver = self._waits, self._servers()
        lifetime_s = waits.try_s if self._is_silent else waits.whole_s
        try:
            answer = await resolver.resolve(name, kind, raise_on_no_answer=False, search=True, lifetime=lifetime_s)
        except dns.exception.Timeout:
            self._is_silent = True
            raise
        except dns.exception.DNSException:
            self._is_silent = False  # a refusal is an answer
            raise
        self._is_silent = False
        return answer

    def _servers(self) -> dns.asyncresolver.Resolver:
        now = asyncio.get_running_loop().time()
        if self._resolver is not None and now - self._looked_at < _CONF_LOOK_EVERY_S:
            return self._resolver
        self._looked_at = now
        changed = os.stat(self._conf).st_mtime_ns
        if self._resolver is None or changed != self._changed:
            resolver = dns.asyncresolver.Resolver(self._conf)
            resolver.timeout, resolver.port = self._waits.try_s, self._port
            self._resolver, self._changed = resolver, changed
        return self._resolver


def _host_of(question: Question) -> str:
    """The host that a question is about: that of a service stands behind its prefix."""
    return question.name.rpartition("._")[2].partition(".")[2] if question.kind == "SRV" else question.name


def _ttl_s(response: Any) -> float:
    """For how long it counts that there is nothing (RFC 2308 section 5)."""
    return float(response.resolve_chaining().minimum_ttl)


async def _others(question: Question) -> tuple[Record, ...]:
    """What this system knows from elsewhere than DNS of names that hardly stand there: mDNS, other files, itself."""
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(question.name, None, family=_FAMILY[question.kind])
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(info[4][0]).partition("%")[0] for info in infos))


def _plain(record: Any) -> Record | None:
    """A record of dnspython's as ours."""
    if isinstance(record, SRV):
        return Srv(record.priority, record.weight, record.port, _text(record.target))
    if isinstance(record, NAPTR):
        flags, service = (one.decode("ascii", "replace") for one in (record.flags, record.service))
        return Naptr(record.order, record.preference, flags, service, _text(record.replacement))
    address: str | None = getattr(record, "address", None)
    return address


def _text(name: dns.name.Name) -> str:
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()
