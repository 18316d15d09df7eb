"""Parties whose connection ended, and how they were looked for since: what shows without any request to them.

A request to a phone whose connection is gone is never seen: it would go over a new one, which does not come about
where the Contact is private.
"""

from collections.abc import Iterator

from msgspec import Struct

from talkpath.base.address import Transport
from talkpath.calls.model import Leg
from talkpath.capture.records import TcpEvent, TcpKind
from talkpath.explain.reading.route import contact_of, host_of
from talkpath.explain.reading.scene import Outside
from talkpath.explain.reading.story import Story
from talkpath.sdp.values import is_private

_ENDS = frozenset({TcpKind.RESET, TcpKind.FINISHED, TcpKind.UNDELIVERED})
# A middle box dials for so long after the call ended for who asked (Timer B and F, RFC 3261).
_DIALS_S = 33.0


class Unplugged(Struct, frozen=True):
    """`ended` is what ended the party's connection, `attempt` a new one to its Contact that did not come about;
    `registered` is the registration that had come over the connection."""

    is_caller: bool
    leg: Leg
    transport: Transport
    ended: TcpEvent
    attempt: TcpEvent | None
    registered: Outside | None = None


def unplugged(story: Story) -> Unplugged | None:
    """The party of a call that was looked for in vain after its connection had ended."""
    found = _in_the_call if story.call.answered_at is not None else _before_the_call
    return next(found(story), None)


def _in_the_call(story: Story) -> Iterator[Unplugged]:
    for is_caller in (True, False):
        leg = story.edge_leg(is_caller)
        used = [one.seen.connection for one in leg.messages if one.seen.connection]
        ended = _ending(story, used[-1]) if used else None
        if ended is None or ended.time > story.end + _DIALS_S:
            continue
        attempt = next(_dialled(story, _contact(story, leg, is_caller), ended.time), None)
        near = leg.callee if is_caller else leg.caller
        if attempt is not None and near.host in (attempt.src.host, attempt.dst.host):
            yield Unplugged(is_caller, leg, leg.transport, ended, attempt)


def _before_the_call(story: Story) -> Iterator[Unplugged]:
    """A phone that is called, whose registration had come over a connection that is gone."""
    leg = story.last_leg
    invite = story.invite(leg)
    if invite is None or any(one.parent == leg.index for one in story.legs):
        return
    last = _registration(story, leg)
    ended = _ending(story, last.request.connection) if last is not None else None
    if last is None or ended is None or ended.time > invite.request.time:
        return
    attempt = next(_dialled(story, contact_of(last.sip), invite.request.time - 1), None)
    refused = invite.status in (404, 408, 410, 430, 477, 480, 503, 504)
    if attempt is not None or refused:
        yield Unplugged(False, leg, last.request.transport, ended, attempt, last)


def _registration(story: Story, leg: Leg) -> Outside | None:
    """The last registration of who is called at the server that was asked, if it came over a connection."""
    user, server = story.call.callee.user, leg.callee.host
    known = story.scene.registrations_of(user) if user and story.scene.tcp else ()
    own = [
        one for one in known if one.request.time < leg.start and one.status == 200 and one.request.dst.host == server
    ]
    if not own:
        return None
    last = own[-1]
    is_leave = (last.sip.first("Expires") or "").strip() == "0" or "expires=0" in (last.sip.first("Contact") or "")
    return last if last.request.connection and not is_leave else None


def _contact(story: Story, leg: Leg, is_caller: bool) -> str:
    invite = story.invite(leg)
    seen = invite and (invite.request if is_caller else invite.answer)
    return contact_of(seen.sip) if seen else ""


def _dialled(story: Story, contact: str, since: float) -> Iterator[TcpEvent]:
    """Connections to a private Contact that did not come about."""
    host = host_of(contact)
    if is_private(host):
        yield from story.scene.attempts(host, since, story.end + _DIALS_S)


def _ending(story: Story, connection: int) -> TcpEvent | None:
    return next((one for one in story.scene.connection_events(connection) if one.kind in _ENDS), None)
