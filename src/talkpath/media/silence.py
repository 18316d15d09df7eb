"""When nothing that is heard any more means that the call is over."""

from dataclasses import dataclass

from talkpath.ice.consent import LIFETIME_S
from talkpath.media import moments
from talkpath.media.engine import TimedOut
from talkpath.media.hearing import Hearing
from talkpath.media.leg import Anchor
from talkpath.media.policy import GRACE_S, MediaPolicy
from talkpath.media.telling import Noting


@dataclass(frozen=True, slots=True)
class MediaDied:
    """Media is over for longer than the policy bears: the call is to be ended on both sides.

    `side` is "caller" or "callee", "" where neither sends any more.
    """

    time: float
    reason: str
    side: str
    silent_s: float


class SilenceWatch:
    """That of one call, which dies once."""

    __slots__ = ("_deaths", "_hearing", "_note", "_policy", "has_died")

    def __init__(self, hearing: Hearing, policy: MediaPolicy, note: Noting) -> None:
        self._hearing = hearing
        self._policy = policy
        self._note = note
        self.has_died = False
        self._deaths: list[MediaDied] = []

    def take(self) -> list[MediaDied]:
        """What ended since the last time."""
        deaths, self._deaths = self._deaths, []
        return deaths

    def fell_silent(self, anchor: Anchor, event: TimedOut, now: float) -> None:
        """A leg that had spoken and should still speak is dead; otherwise the call is, once all of it is silent.

        A leg that never spoke does not end the call alone: loudspeakers that only listen announce `sendrecv` too.
        """
        leg = anchor.leg
        died = leg.had_spoken and anchor.must_send
        both = all(one.is_silent(now) for one in self._hearing.ends if one.anchors)
        if not leg.is_silent(now) or not (died or both):
            anchor.watch_again()
        elif not self.has_died:
            self.has_died = True
            if both:
                self._note(now, moments.TIMEOUT_BOTH, seconds=round(event.silent_s))
            else:
                self._note(now, moments.TIMEOUT, side=leg.side, seconds=round(event.silent_s))
            self._deaths.append(MediaDied(now, "media-timeout", "" if both else leg.side, event.silent_s))

    def look_who_is_gone(self, now: float) -> None:
        """A party that lost its consent (RFC 7675) and did not come back has left: a page that was closed or loaded
        again. One whose packets came all the time only does not confirm them; silence will tell."""
        if self.has_died or not self._policy.timeout_s or not self._hearing.is_answered:
            return
        for leg in self._hearing.ends:
            lost_at = leg.gone_since
            if lost_at is None:
                continue
            if leg.heard_at < lost_at - GRACE_S:
                self.has_died = True
                silent_s = now - max(leg.heard_at, lost_at - LIFETIME_S)
                self._note(now, moments.GONE, side=leg.side, seconds=round(silent_s))
                self._deaths.append(MediaDied(now, "media-timeout", leg.side, silent_s))
                return
