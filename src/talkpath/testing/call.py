"""One call, as one of its two ends sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from talkpath.base.address import Address, Flow
from talkpath.base.timers import Timer
from talkpath.calls.build import call_of
from talkpath.calls.model import Call as Story
from talkpath.sdp import SessionDescription
from talkpath.sip.message import Message
from talkpath.sip.transaction import ServerTransaction
from talkpath.testing.exchange import Exchange

if TYPE_CHECKING:
    from talkpath.testing.party import Party

# How often a 200 is repeated that nobody acknowledges, at first and at most (RFC 3261 section 13.3.1.4).
_T1, _T2 = 0.5, 4.0


class Call:
    """A call of a party. `Party.call` gives the caller's, `Party.calls` has those that came in, too.

    The party answers, acknowledges and takes part by itself; the verbs here are what a person does. `status` and
    `reason` are those of the final answer, 0 as long as there is none.
    """

    def __init__(self, party: Party, call_id: str, *, is_incoming: bool, at: Address) -> None:
        self.party = party
        self.call_id = call_id
        self.is_incoming = is_incoming
        #: where this end sends and takes media
        self.media = at
        #: the INVITE that began it, as this end sent or got it
        self.invite: Message | None = None
        #: everything that came within the call, in order: answers to the INVITE, and requests
        self.received: list[Message] = []
        self.provisional: list[int] = []
        self.status = 0
        self.reason = ""
        #: the 2xx, as this end sent or got it
        self.ok: Message | None = None
        #: who ended it: "us" or "them", "" while it runs
        self.ended_by = ""
        self.is_muted = False
        #: the caller gave up: what it is asked for now it does not answer
        self.is_given_up = False
        #: times in seconds since the test began
        self.began_at = party.network.elapsed_s
        self.settled_at: float | None = None
        self.ended_at: float | None = None
        self.is_acknowledged = False
        self.offer_sent = b""
        self.description_got = b""
        self.local_tag = party.network.fresh("t")
        self.remote_tag = ""
        self.cseq = 0
        self.exchange: Exchange | None = None
        self.flow: Flow | None = None
        self.routes: list[str] = []
        self.remote_target = ""
        self.version = 1
        self._rang = asyncio.Event()
        self._settled = asyncio.Event()
        self._over = asyncio.Event()
        self._repeating: Timer | None = None
        party.network.house.sound.faces(at, self)

    # --- how it stands

    @property
    def is_answered(self) -> bool:
        """Whether somebody picked up."""
        return 200 <= self.status < 300

    @property
    def is_over(self) -> bool:
        """Whether it failed, or was ended."""
        return self._over.is_set()

    @property
    def seconds(self) -> float:
        """From the first INVITE to the final answer; up to now while there is none."""
        return (self.settled_at or self.party.network.elapsed_s) - self.began_at

    @property
    def talked_s(self) -> float:
        """From the answer to the end, or up to now."""
        if not self.is_answered or self.settled_at is None:
            return 0.0
        return (self.ended_at or self.party.network.elapsed_s) - self.settled_at

    @property
    def speaks(self) -> bool:
        """Whether this end sends media that can be read."""
        is_talking = self.is_answered and not self.is_over and not self.is_muted
        return is_talking and self.party.is_on and self.party.is_keyed(self.media)

    @property
    def hears(self) -> bool:
        """Whether media of the other end, or of a service, comes here now."""
        is_there = not self.is_over and self.party.is_on and self.party.is_keyed(self.media)
        return is_there and self.party.network.house.sound.hears(self.media)

    def answered_by(self, party: Party) -> bool:
        """Whether it was this party that picked up."""
        return self.is_answered and any(one.is_answered and one.party is party for one in self.others)

    @property
    def others(self) -> list[Call]:
        """What the parties see that it came to, in the order in which it did."""
        ids = self._ids
        found = [one for party in self.party.network.parties for one in party.calls if one.call_id in ids]
        return sorted((one for one in found if one.is_incoming and one is not self), key=lambda one: one.began_at)

    @property
    def tried(self) -> list[Party]:
        """Whom it reached, in order; once each, also who said nothing."""
        reached = [
            (at, number, party)
            for number, party in enumerate(self.party.network.parties)
            for call_id, at in party.invited.items()
            if call_id in self._ids
        ]
        return list(dict.fromkeys(party for _, _, party in sorted(reached, key=lambda one: one[:2])))

    @property
    def _ids(self) -> list[str]:
        trace = self.party.network.house.trace(self.call_id)
        return trace.call_ids if trace is not None else [self.call_id]

    @property
    def description(self) -> SessionDescription:
        """What the other side offered or answered last, as it came here."""
        return SessionDescription.parse(self.description_got)

    @property
    def codecs(self) -> list[str]:
        """The names of the audio codecs in it."""
        audio = self.description.of_kind("audio") if self.description_got else []
        return [codec.name for section in audio if not section.is_rejected for codec in section.codecs]

    # --- what the edge says of it

    @property
    def story(self) -> Story:
        """What talkpath knows of it: `talkpath calls ID` shows the same. Raises LookupError when it never came."""
        trace = self.party.network.house.trace(self.call_id)
        if trace is None:
            raise LookupError(f"the edge knows no call {self.call_id}")
        return call_of(trace)

    @property
    def kinds(self) -> list[str]:
        """The kinds of what was decided, in order."""
        return [moment.kind for moment in self.story.moments]

    @property
    def ladder(self) -> str:
        """The call as text."""
        return self.party.network.drawn(self.call_id)

    # --- what a person does

    async def ringing(self) -> None:
        """Wait until somebody rings."""
        await self._rang.wait()

    async def settled(self) -> Call:
        """Wait for the final answer, whatever it is."""
        await self._settled.wait()
        return self

    async def over(self) -> Call:
        """Wait until it has failed or ended."""
        await self._over.wait()
        return self

    async def cancel(self) -> Call:
        """Give up before somebody answers, and wait for what comes of it."""
        self.is_given_up = True
        if self.exchange is not None and not self._settled.is_set():
            self.exchange.cancel()
        return await self.settled()

    async def hang_up(self, fields: Mapping[str, str] | None = None) -> Message | None:
        """Send BYE; gives its answer, None where none came."""
        self.ends("us")
        return await self.request("BYE", fields)

    async def request(
        self, method: str, fields: Mapping[str, str] | None = None, body: bytes = b"", kind: str = "application/sdp"
    ) -> Message | None:
        """Send a request within the call; gives its final answer, None where none came."""
        return await self.party.within(self, method, fields or {}, body, kind)

    async def hold(self) -> Message | None:
        """Put the other side on hold by a re-INVITE."""
        return await self._offer("sendonly")

    async def resume(self) -> Message | None:
        """Take the other side back."""
        return await self._offer("sendrecv")

    async def _offer(self, direction: str) -> Message | None:
        self.version += 1
        offer = self.party.describe(self.media, direction=direction, version=self.version)
        answer = await self.request("INVITE", None, offer)
        if answer is not None:
            self.learns(answer.sdp)
        return answer

    # --- what the party tells

    def takes_media(self, data: bytes, source: Address) -> None:
        """STUN or DTLS came for this end."""
        self.party.takes_media(self.media, data, source)

    def rang(self, status: int) -> None:
        """A provisional answer was sent or came."""
        self.provisional.append(status)
        if status >= 180:
            self._rang.set()

    def settles(self, status: int, reason: str) -> None:
        """The final answer was sent or came."""
        if self._settled.is_set():
            return
        self.status, self.reason, self.settled_at = status, reason, self.party.network.elapsed_s
        self._settled.set()
        if self.is_answered:
            self.party.network.house.sound.joins()
        else:
            self.ends("them" if not self.is_incoming else "us")

    def ends(self, by: str) -> None:
        """It is over."""
        if not self._over.is_set():
            self.ended_by, self.ended_at = by, self.party.network.elapsed_s
            self._over.set()
        self.acknowledged()

    def repeat_until_acknowledged(self, server: ServerTransaction, data: bytes, interval_s: float = _T1) -> None:
        """A 200 to INVITE is said again until it is acknowledged, also over a stream (RFC 3261 section 13.3.1.4)."""
        self.is_acknowledged = False

        def again(now: float) -> None:
            if self.party.is_on:
                server.respond(200, data, now)
                self.repeat_until_acknowledged(server, data, min(2 * interval_s, _T2))

        self._repeating = self.party.timers.start(interval_s, self.party.network.now, again)
        self.party.pump()

    def acknowledged(self) -> None:
        """The ACK came."""
        self.is_acknowledged = True
        if self._repeating is not None:
            self._repeating.cancel()

    def learns(self, description: bytes) -> None:
        """The other side described itself, where it did."""
        if description:
            self.description_got = description
            self.party.learned(self)

    def learn_peer(self, message: Message) -> None:
        """Tag, target and way of the other side, from the INVITE that came or the 2xx to ours."""
        records = message.listed("Record-Route")
        self.routes = records if self.is_incoming else list(reversed(records))
        self.remote_tag = message.from_tag if self.is_incoming else message.to_tag
        self.retarget(message)

    def retarget(self, message: Message) -> None:
        """Where requests go to, as Contact says."""
        if message.first("Contact"):
            self.remote_target = message.address("Contact").uri

    def __repr__(self) -> str:
        way = "from" if self.is_incoming else "to"
        uri = self.invite.first("From" if self.is_incoming else "To") if self.invite is not None else ""
        how = f"{self.status} {self.reason}" if self.status else "no answer yet"
        return f"<call of {self.party.name} {way} {uri}: {how} after {self.seconds:.2f} s>"
