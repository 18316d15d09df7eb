"""What a phone is offered first, and what it is asked for when it refused that: plain RTP, DTLS-SRTP or SDES."""

from contextlib import suppress

from talkpath.edge.calls.call import Party, RunningCall
from talkpath.edge.core import Core
from talkpath.edge.forking.branch import Branch
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forwarding.sending import Sending
from talkpath.edge.routing.heading import Refusal
from talkpath.media.policy import Profile, protocol_of, voices
from talkpath.sip.message import Message

# A description is not taken, whichever of these says so (RFC 3261 sections 21.4.13, 21.4.26 and 21.6.4).
REFUSES_MEDIA = (415, 488, 606)


class Asking:
    """Asks phones, and asks them again."""

    def __init__(self, core: Core, sending: Sending) -> None:
        self._core = core
        self._sending = sending

    def take_offer(self, call: RunningCall, invite: Message) -> None:
        """What the caller brings. A phone takes what it offers, and often nothing else."""
        caller = call.caller
        offered = Profile.of(invite.sdp) if invite.carries_sdp else None
        if offered is None:
            return
        if not caller.flow.transport.is_websocket:
            call.offers = offered
        if caller.identity is not None:
            self._core.tastes.took(caller.phone, caller.agent, offered, voices(invite.sdp))

    def choose(self, call: RunningCall, party: Party) -> None:
        """What a party is offered first. Over a WebSocket everybody gets what browsers need."""
        if party.place.transport.is_websocket:
            return
        first = self._core.tastes.first(party.phone, party.agent, call.offers)
        if (first, call.offers) != (Profile.PLAIN, Profile.PLAIN):
            party.profile = first

    def again(self, fork: Fork, branch: Branch, refusal: Message, now: float) -> None:
        """A phone refuses an offer, perhaps for its profile: with SRTP when it wants none, or without. Ask for the
        next, unless no other would change its mind.

        A refusal may say what would have been taken (RFC 3261 section 21.4.26).
        """
        call, party, offered = fork.call, branch.party, branch.offered
        if call is None or party is None or offered is None or party.place.transport.is_websocket:
            return
        if not _is_about_media(refusal):
            return
        tastes = self._core.tastes
        if tastes.is_about_codecs(party.phone, offered, branch.asked, refusal):
            if not self._ask_with_keys_of_ours(fork, branch, party.refused, now):
                self._core.note(fork.request.call_id, "media.not-asked-again", now, target=branch.name)
            return
        if offered is Profile.PLAIN and party.profile is not offered and protocol_of(branch.asked) != offered:
            # As the caller has it, with feedback (RFC 4585): that alone may be what the phone does not take.
            self._note(fork, branch, protocol_of(branch.asked), offered, now)
            self._ask(fork, branch, offered, party.refused, now)
            return
        speaks = voices(refusal.sdp) if refusal.carries_sdp else frozenset[str]()
        tastes.refused(party.phone, offered, speaks)
        self._ask_next(fork, branch, Profile.of(refusal.sdp) if refusal.carries_sdp else None, now)

    def after_answer(self, fork: Fork, branch: Branch, answer: Message, now: float) -> None:
        """A phone accepted SRTP in a way that can not be used, and was hung up on: some with DTLS accept SDES, and
        name a certificate for a key. It rings again with what it speaks, and is asked that first from then on."""
        party, offered = branch.party, branch.offered
        if not fork.is_initial_invite or party is None or offered in (None, Profile.PLAIN):
            return
        assert offered is not None
        if not fork.is_won and branch.cancel_reason is None and not party.place.transport.is_websocket:
            self._core.tastes.refused(party.phone, offered)
            self._ask_next(fork, branch, Profile.DTLS if b"\na=fingerprint:" in answer.sdp else None, now)

    def _ask_next(self, fork: Fork, branch: Branch, named: Profile | None, now: float) -> None:
        call, party, offered = fork.call, branch.party, branch.offered
        assert call is not None
        assert party is not None
        assert offered is not None
        refused = party.refused | {offered, party.profile or offered}
        wanted = self._core.tastes.next(party.phone, party.agent, call.offers, named, refused)
        if wanted is None:
            self._ask_with_keys_of_ours(fork, branch, refused, now)
            return
        if wanted is named:
            self._core.tastes.took(party.phone, party.agent, named)
        self._note(fork, branch, offered, wanted, now)
        self._ask(fork, branch, wanted, refused, now)

    def _ask_with_keys_of_ours(self, fork: Fork, branch: Branch, refused: frozenset[Profile], now: float) -> bool:
        """Keys that pass from end to end bind both sides to the suites and codecs of the caller. Whether what it
        brings can end here, so that others are offered, and has not yet."""
        call, party = fork.call, branch.party
        assert call is not None
        assert party is not None
        if party.own_keys or not call.offers.is_sdes:
            return False
        self._core.note(fork.request.call_id, "media.asked-with-keys", now, target=branch.name)
        self._ask(fork, branch, call.offers, refused, now, own_keys=True)
        return True

    def _note(self, fork: Fork, branch: Branch, refused: str, wanted: Profile, now: float) -> None:
        note, call_id = self._core.note, fork.request.call_id
        note(call_id, "media.asked-again", now, target=branch.name, refused=str(refused), profile=str(wanted))

    def _ask(
        self,
        fork: Fork,
        branch: Branch,
        profile: Profile,
        refused: frozenset[Profile],
        now: float,
        *,
        own_keys: bool = False,
    ) -> None:
        """The target of a branch once more, for this profile.

        A phone remembers for T4 (5 s) what it refused, and takes the same From tag, Call-ID and CSeq on another
        branch for the same request on another way, a loop (RFC 3261 sections 8.2.2.2 and 17.2.1). With the next CSeq
        it is a new request, as one that brings credentials is; the dialog counts on from there.
        """
        assert fork.call is not None
        assert branch.party is not None
        again = once_more(fork.call, branch, branch.party)
        again.profile, again.refused, again.own_keys = profile, refused, own_keys or again.own_keys
        # No port is free, or the offer cannot be written so: what the phone said stands.
        with suppress(Refusal):
            self._sending.send(fork, branch.hop, branch.heading, again, now, branch.path)


def once_more(call: RunningCall, branch: Branch, party: Party) -> Party:
    """Whom a branch led to, for a request of its own with the next CSeq."""
    again = call.add_callee(branch.hop, party.behind_nat)
    again.is_called_as(party)
    again.cseq_shift = party.cseq_shift + 1
    return again


def _is_about_media(refusal: Message) -> bool:
    """Not of a 415 that says with Accept that no description at all is taken (RFC 3261 section 21.4.13)."""
    accepted = ", ".join(refusal.all("Accept")).lower()
    return refusal.status != 415 or not accepted or "application/sdp" in accepted
