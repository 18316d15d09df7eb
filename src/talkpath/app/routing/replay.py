"""What `talkpath route --replay` does: puts calls of the past to the routing of now, or to a script that is not in
use yet, and says what would differ.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from talkpath.app.calls.own import OwnCalls
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.console.rows import print_line
from talkpath.app.explain.command import Unread
from talkpath.app.node.control import ControlClient
from talkpath.app.routing import words as texts
from talkpath.app.routing.rehearsing import Wish
from talkpath.app.routing.running import load_checked
from talkpath.app.state.directory import state_directory
from talkpath.base import limits
from talkpath.base.errors import Malformed
from talkpath.base.readable import brief, json_bytes, printable
from talkpath.base.texts import Language
from talkpath.calls.build import call_of
from talkpath.calls.model import Call, MessageSeen, Moment
from talkpath.calls.words import said
from talkpath.capture.reader import Capture, UnreadableCapture
from talkpath.explain.reading.gather import Gatherer
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message

# What is compared: the kind of a step, and the value that names where it leads.
_LEADS = {
    "route.user": "user",
    "registration.none": "user",
    "route.domain": "domain",
    "route.service": "service",
    "rehearsal.answers": "service",
    "gateway.chosen": "gateway",
    "guard.refused": "status",
}
_SAME = {"rehearsal.answers": "route.service"}


class Replayed(NamedTuple):
    """One call: what was decided then (nothing is known of a capture), what is now, and whether that differs."""

    call: Call
    before: list[Moment]
    now: list[Moment]
    differs: bool


class Rehearsing(Protocol):
    """Whoever says what would happen to a call: the client of the running edge."""

    def route(self, wish: Wish) -> list[Moment] | None: ...


def replay(config: Config, what: str, script: Path | None, language: Language, *, as_json: bool) -> int:
    """Print what would happen to the calls of a capture, or to one of our own; gives the exit code, 1 where something
    differs. Raises `Trouble`, `BadConfig`."""
    if script is not None:
        load_checked(script)
    client = ControlClient(state_directory(config))
    calls = (
        list(_calls_of_capture(what, language)) if Path(what).is_file() else [call_of(OwnCalls(config).trace(what))]
    )
    if not calls:
        raise Trouble("no-calls", phrase(texts.NO_CALLS, file=what))
    differing = 0
    for one in replayed(client, calls, script, language):
        differing += one.differs
        if as_json:
            print_line(json_bytes(msgspec.to_builtins(_as_json(one, language))))
        else:
            _print(one, language)
    return 1 if differing else 0


def _calls_of_capture(file: str, language: Language) -> Iterator[Call]:
    gatherer, capture = Gatherer(), Capture([file])
    try:
        for batch in capture.batches():
            gatherer.receive(batch)
    except UnreadableCapture as error:
        sentence = error.say(language)
        raise Unread("not-a-capture", phrase(texts.UNREADABLE, what=sentence)) from None
    yield from gatherer.finish()


def replayed(
    client: Rehearsing, calls: Iterable[Call], script: Path | None, language: Language
) -> Iterator[Replayed]:
    """Each call beside what would happen to it now. Raises `Trouble` without an edge."""
    for call in calls:
        invite = _invite_of(call)
        if invite is None:
            print(texts.NO_INVITE.say(language, id=call.id), file=sys.stderr)
            continue
        steps = client.route(_wish(invite, script))
        if steps is None:
            raise Trouble("no-edge", phrase(texts.NO_EDGE))
        before = [moment for moment in call.moments if moment.kind in _LEADS or moment.kind == "script.decided"]
        then, now = _ways(before), _ways(steps)
        # A call that was answered asked nobody else: what would have come then is not known.
        yield Replayed(call, before, steps, call.is_own and now[: len(then)] != then)


def _ways(moments: Sequence[Moment]) -> list[tuple[str, object]]:
    return [
        (_SAME.get(one.kind, one.kind), one.values.get(_LEADS[one.kind])) for one in moments if one.kind in _LEADS
    ]


def _invite_of(call: Call) -> MessageSeen | None:
    """The last INVITE outside a dialog that the caller sent: the one with credentials, if there were any."""
    found = None
    for seen in call.legs[0].messages if call.legs else ():
        message = seen.sip
        if message.is_request and message.method == "INVITE" and not message.to_tag and not seen.sent:
            found = seen
    return found


def _wish(invite: MessageSeen, script: Path | None) -> Wish:
    message, source = invite.sip, invite.seen.src
    return Wish(
        _caller_of(message),
        message.uri,
        source.host,
        source.port,
        invite.seen.transport,
        bytes(message.raw),
        str(script.resolve()) if script is not None else "",
    )


def _caller_of(message: Message) -> str:
    """Who proves who he is, else who says so; "" where that can not be read: a capture holds whatever was sent."""
    for said_by in (_proving, _saying):
        with suppress(Malformed):
            if user := said_by(message):
                return user
    return ""


def _proving(message: Message) -> str:
    credentials = message.first("Proxy-Authorization") or message.first("Authorization")
    return parse_auth(credentials)[1].get("username", "") if credentials else ""


def _saying(message: Message) -> str:
    return message.address("From").parsed_uri().username


def _print(one: Replayed, language: Language) -> None:
    call = one.call
    text = texts.DIFFERS if one.differs else texts.AS_BEFORE if call.is_own else texts.WOULD
    print(printable(text.say(language, id=call.id, who=who_of(call))))
    if one.differs:
        print(texts.THEN.say(language))
        _print_steps(one.before, language)
        print(texts.NOW.say(language))
    if one.differs or not call.is_own:
        _print_steps(one.now, language)


def who_of(call: Call) -> str:
    """Who calls whom. A number may be as long as a message: its beginning and end are enough."""
    caller, callee = (brief(party.user, limits.LOGGED_VALUE) for party in (call.caller, call.callee))
    return f"{caller} -> {callee}"


def _print_steps(steps: Iterable[Moment], language: Language) -> None:
    for step in steps:
        print(f"     {printable(said(step, language))}")


def _as_json(one: Replayed, language: Language) -> dict[str, object]:
    def rows(steps: Iterable[Moment]) -> list[dict[str, object]]:
        return [{"kind": step.kind, "values": dict(step.values), "text": said(step, language)} for step in steps]

    call = one.call
    return {"id": call.id, "differs": one.differs, "before": rows(one.before), "now": rows(one.now)}
