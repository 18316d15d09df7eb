"""The chain of a call with ICE and DTLS: offer, answer, candidates, checks, handshake, media (RFC 8445, RFC 5763).

Before any audio two things must happen: a connectivity check answered, then four DTLS flights. This follows both
from the packets seen and says how far they came.
"""

from collections.abc import Iterator

from msgspec import Struct, field

from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.calls.model import Leg, MessageSeen
from talkpath.capture.records import DtlsSeen, StunSeen
from talkpath.explain.reading.story import Story
from talkpath.sdp import MediaSection, SessionDescription

Pair = tuple[Address, Address]
# A check that is repeated sooner than this after its answer crossed it on the way.
CROSSING_S = 0.1


class Described(Struct):
    """What one side said about its end: its description's first audio section, and the message that carried it."""

    seen: MessageSeen
    section: MediaSection

    @property
    def addresses(self) -> set[Address]:
        """The announced address and every candidate of component 1 and 2."""
        found = {Address(c.host, c.port) for c in self.section.candidates if c.transport.lower() == "udp"}
        connection = self.section.connection
        if connection is not None and connection.ip:
            found.add(Address(connection.ip, self.section.port))
        return found

    @property
    def can_be_sent_to(self) -> bool:
        """The address in the m= and c= lines is one (and not 0.0.0.0, port 9: RFC 8839 4.3.1)."""
        connection = self.section.connection
        ip = connection.ip if connection is not None else ""
        return bool(ip) and ip not in ("0.0.0.0", "::") and self.section.port not in (0, 9)


class Chain(Struct):
    """How far the media of one hop came. `asked`, `validated` and `unheard` are pairs (who asked, who was asked).

    `unheard` are those whose checks are answered and asked again all the same: the answers do not arrive.
    """

    leg: Leg
    offer: Described
    answer: Described
    asked: dict[Pair, list[StunSeen]] = field(default_factory=dict)
    validated: dict[Pair, StunSeen] = field(default_factory=dict)
    unheard: dict[Pair, list[StunSeen]] = field(default_factory=dict)
    errors: list[StunSeen] = field(default_factory=list)
    dtls: list[DtlsSeen] = field(default_factory=list)

    @property
    def uses_ice(self) -> bool:
        return bool(self.offer.section.ice_ufrag and self.answer.section.ice_ufrag)

    @property
    def uses_dtls(self) -> bool:
        return bool(fingerprints_of(self.offer.section) and fingerprints_of(self.answer.section))

    @property
    def trusted(self) -> set[Address]:
        """Addresses that an answered check proved, both ends."""
        return {address for pair in self.validated for address in pair}

    def is_open(self, for_caller: bool) -> bool:
        """Whether one side got an answer to some check."""
        return any(
            self.is_callers(src) is for_caller for src, dst in self.validated if (src, dst) not in self.unheard
        )

    def asked_by(self, is_caller: bool) -> int:
        """How many checks one side sent."""
        return sum(len(asked) for (src, _), asked in self.asked.items() if self.is_callers(src) is is_caller)

    def is_callers(self, address: Address) -> bool:
        """Whose address it is: by what was announced, else by the host of the hop's ends."""
        if address in self.offer.addresses or address in self.answer.addresses:
            return address in self.offer.addresses
        hosts = {one.host for one in self.offer.addresses}
        return address.host in hosts or address.host == self.leg.caller.host

    def announced(self) -> set[Address]:
        return self.offer.addresses | self.answer.addresses

    def hellos(self) -> list[DtlsSeen]:
        return [one for one in self.dtls if one.hello is not None and one.hello.is_client]

    def is_secured(self) -> bool:
        """Both sides finished: something encrypted came from each of two ends."""
        finished = {
            one.src for one in self.dtls if "encrypted-handshake" in one.messages or "finished" in one.messages
        }
        return len(finished) >= 2


def chains(story: Story) -> list[Chain]:
    """The chain of every answered hop whose both sides announced ICE or DTLS; none of an own call (`decided.py`)."""
    return story.once("chains", lambda: [] if story.call.is_own else list(_chains(story)))


def _chains(story: Story) -> Iterator[Chain]:
    for leg in story.legs:
        invite = story.invite(leg)
        if leg.answered_at is None or invite is None or not _mentions_security(leg):
            continue
        offer = described(invite.request)
        answers = [d for seen in invite.responses if (d := described(seen)) is not None]
        if offer is None or not answers:
            continue
        chain = Chain(leg, offer, answers[-1])
        if chain.uses_ice or chain.uses_dtls:
            _fill(chain, story)
            yield chain


def _mentions_security(leg: Leg) -> bool:
    return any("SAVP" in medium.profile for medium in leg.media)


def described(seen: MessageSeen) -> Described | None:
    """The first audio section that a message carries, None without a readable one."""
    if not seen.sip.carries_sdp:
        return None
    try:
        description = SessionDescription.parse(seen.sip.body)
    except Malformed:
        return None
    section = next((one for one in description if one.kind == "audio"), None)
    return Described(seen, section) if section is not None else None


def _fill(chain: Chain, story: Story) -> None:
    known = chain.announced()
    hosts = {address.host for address in known}
    requests: dict[bytes, StunSeen] = {}
    answers: dict[bytes, StunSeen] = {}
    for stun in story.stun:
        if stun.method != "binding" or not (stun.src in known or stun.dst in known or _names(chain, stun)):
            continue
        if stun.kind == "request":
            _ask(chain, stun, requests, answers)
        elif stun.transaction in requests:
            asked = requests[stun.transaction]
            if stun.kind == "success":
                answers.setdefault(stun.transaction, stun)
                chain.validated.setdefault((asked.src, asked.dst), stun)
            elif stun.kind == "error":
                chain.errors.append(stun)
    ends = known | chain.trusted
    chain.dtls = [
        one for one in story.dtls if one.src in ends or one.dst in ends or {one.src.host, one.dst.host} <= hosts
    ]


def _ask(chain: Chain, stun: StunSeen, requests: dict[bytes, StunSeen], answers: dict[bytes, StunSeen]) -> None:
    pair = (stun.src, stun.dst)
    requests.setdefault(stun.transaction, stun)
    chain.asked.setdefault(pair, []).append(stun)
    answer = answers.get(stun.transaction)
    if answer is not None and stun.time > answer.time + CROSSING_S:
        chain.unheard.setdefault(pair, []).append(stun)


def _names(chain: Chain, stun: StunSeen) -> bool:
    """A check between addresses that a NAT gave still names both sides (RFC 8445 7.2.2)."""
    ufrags = {chain.offer.section.ice_ufrag, chain.answer.section.ice_ufrag}
    return bool(stun.username) and ufrags == set(stun.username.split(":"))


def fingerprints_of(section: MediaSection) -> list[str]:
    """The SHA-256 fingerprints of a section, or of its session, in upper case (RFC 8122)."""
    found = section.fingerprints
    return [one.digest.upper() for one in found if one.algorithm.lower() == "sha-256"]
