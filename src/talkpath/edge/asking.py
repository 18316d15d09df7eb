"""What a phone is offered first, and what it is asked for when it refused that: plain RTP, DTLS-SRTP or SDES."""

from contextlib import suppress
from functools import partial

from talkpath.edge.call import Party
from talkpath.edge.core import Core
from talkpath.edge.fork import Branch, Fork
from talkpath.edge.routing import Refusal
from talkpath.edge.sending import Sending
from talkpath.media.policy import Profile
from talkpath.sip.message import Message

# A phone forgets a request that it refused T4 (5 s) after our ACK (RFC 3261 section 17.2.1), which takes time too.
_FORGET_S = 5.5


class Asking:
    """Asks phones again, and remembers what they took."""

    def __init__(self, core: Core, sending: Sending) -> None:
        self._core = core
        self._sending = sending

    def again(self, fork: Fork, branch: Branch, refusal: Message, now: float) -> None:
        """A phone refuses an offer by its profile: with SRTP when it wants none, or without. Ask for the next.

        A Warning that names the codecs (305, RFC 3261 section 20.43) says that another profile would not help. A
        phone takes our second asking for the first on another way (482) while it waits for repeated ACKs (RFC 3261
        section 8.2.2.2 and timer I): it is asked the same once it has forgotten, and not a third time.
        """
        call, party, offered = fork.call, branch.party, branch.offered
        if call is None or party is None or offered is None or branch.hop.transport.is_websocket:
            return
        if refusal.status == 482:
            if party.refused and not branch.is_repeated:
                self._core.note(
                    fork.request.call_id, "media.asked-too-soon", now, target=branch.name, wait_s=_FORGET_S
                )
                fork.later(_FORGET_S, now, partial(self._ask, fork, branch, party.profile or offered, party.refused))
            return
        if (refusal.first("Warning") or "").startswith("305"):
            return
        refused = party.refused | {offered, party.profile or offered}
        # A refusal may say what would have been taken (RFC 3261 section 21.4.26).
        named = Profile.of(refusal.sdp) if refusal.carries_sdp else None
        wanted = next(
            (profile for profile in (named, *Profile) if profile is not None and profile not in refused), None
        )
        # Remembered at once: a caller who does not wait calls again.
        self._core.remember_profile(party.user, party.identity, wanted)
        if wanted is None:
            return
        self._core.note(
            fork.request.call_id,
            "media.asked-again",
            now,
            target=branch.name,
            refused=str(offered),
            profile=str(wanted),
        )
        self._ask(fork, branch, wanted, refused, now)

    def _ask(self, fork: Fork, branch: Branch, profile: Profile, refused: frozenset[Profile], now: float) -> None:
        """The target of a branch once more, for this profile."""
        call, party = fork.call, branch.party
        assert call is not None
        assert party is not None
        again = call.add_callee(branch.hop, party.behind_nat)
        again.user, again.identity, again.ice = party.user, party.identity, party.ice
        again.profile, again.refused = profile, refused
        # No port is free, or the offer cannot be written so: what the phone said stands.
        with suppress(Refusal):
            asked = self._sending.send(fork, branch.hop, branch.heading, again, now, branch.path)
            asked.is_repeated = profile is party.profile

    def remember_offer(self, caller: Party, invite: Message) -> None:
        """A phone that offers SRTP takes it when it is called, and often nothing else."""
        if not invite.carries_sdp or caller.flow.transport.is_websocket:
            return
        offered = Profile.of(invite.sdp)
        if offered is not None and offered is not Profile.PLAIN:
            self._core.remember_profile(caller.user, caller.identity, offered)
