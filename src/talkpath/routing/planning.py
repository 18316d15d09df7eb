"""What a script decided, as the edge carries it out: plans with their changes, answers, verbs."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from inspect import iscoroutine
from typing import Protocol

from talkpath.base.errors import Malformed
from talkpath.edge.calls.tape import Announcement
from talkpath.edge.forwarding.changes import Changes, Edit
from talkpath.edge.routing.choosing import SERVICES
from talkpath.edge.routing.heading import Heading
from talkpath.edge.routing.inquiry import Answer, Verb, Verdict
from talkpath.edge.routing.inquiry import Usual as UsualVerdict
from talkpath.edge.routing.plan import Group, Plan, ToGateways, ToPlace, ToService, ToUser, Way
from talkpath.media.service import Service
from talkpath.routing.answers import AnswerEdits, edited
from talkpath.routing.answers import Edit as AnswerEdit
from talkpath.routing.call import Call
from talkpath.routing.caller import Caller
from talkpath.routing.headers import AnswerHeaders, Headers
from talkpath.routing.routes import (
    Decision,
    Dropped,
    Outcome,
    Rejection,
    Route,
    Step,
    ToGroup,
    ToUri,
    ToUsers,
    Usual,
)
from talkpath.sdp.edits import CodecEdit, Offer, made_again

# Hears why an edit could not be made.
Failed = Callable[[BaseException], None]


class Edited(Protocol):
    """A call or a request within one that a script may have changed."""

    @property
    def changes(
        self,
    ) -> tuple[Headers | None, AnswerHeaders | None, Caller | None, Offer | None, AnswerEdits | None]:
        """What may be changed."""

    @property
    def described(self) -> bytes:
        """The offer as it came."""

    @property
    def diet(self) -> Sequence[str]:
        """What a description can do without."""

    @property
    def is_recorded(self) -> bool:
        """Whether the call is to be recorded from here on."""

    @property
    def announcement(self) -> Announcement | None:
        """What its sides hear of that, None for what the configuration says."""


class NoDecision(Exception):
    """What a function returned is no decision; the text says what is."""


def verdict_of(value: object, call: Call, failed: Failed) -> Verdict | None:
    """What the edge is told; None when the call is answered already. Raises NoDecision."""
    if isinstance(value, Route):
        return plan_of(value, call, failed)
    if isinstance(value, Rejection):
        return answer_of(value)
    if isinstance(value, Dropped):
        return Verb.DROP
    if isinstance(value, Usual):
        changes = changes_of(call, failed)
        return Verb.USUAL if changes is None else UsualVerdict(changes)
    if isinstance(value, Outcome):
        return None if value.is_answered else Verb.OUTCOME
    raise NoDecision(misread(value))


def answer_of(rejection: Rejection) -> Answer:
    """A refusal, or a redirection."""
    return Answer(rejection.status, rejection.reason, rejection.fields)


def plan_of(route: Route, call: Call, failed: Failed) -> Plan:
    """A route with what is changed now. Plans are carried out once; a route may be taken again."""
    return Plan(
        _groups(route.steps),
        changes_of(call, failed),
        leaves_house=route.leaves_house,
        for_strangers=route.for_strangers,
    )


def _groups(steps: tuple[Step, ...]) -> Iterator[Group]:
    for step in steps:
        yield Group(list(_ways(step)), step.ring_s, step.no_answer_s, step.on, step.follow)


def _ways(step: Step) -> Iterator[Way]:
    for aim in step.aims:
        if isinstance(aim, ToUsers):
            for name in aim.names:
                # No account bears the name of a service, so a number that is passed on as it was dialled may be one.
                yield ToService(Service(name)) if name in SERVICES else ToUser(name)
        elif isinstance(aim, ToUri):
            yield ToPlace(Heading(aim.text, [], True))
        elif isinstance(aim, ToGroup):
            yield ToGateways(aim.name, aim.number, at_once=aim.at_once)
        else:
            yield ToService(aim.service)


def misread(value: object) -> str:
    """Why this is no decision, and what would be."""
    if value is None:
        return "the function returned nothing on this way; return a route, reject(), drop() or as_usual()"
    if hasattr(value, "__await__"):
        if iscoroutine(value):
            value.close()
        return "the function returned something that still has to be awaited; write return await ..."
    if isinstance(value, Decision):
        return f"{type(value).__name__} is no decision here"
    if isinstance(value, list | tuple) and any(isinstance(one, Decision) for one in value):
        return "several decisions are none; return one: a.then(b) tries b after a, together(a, b) both at once"
    shown = repr(value)
    return f"{shown[:60]} is no decision; return a route such as users(), reject(), drop() or as_usual()"


def changes_of(call: Edited, failed: Failed) -> Changes | None:
    """What the target gets otherwise than it came; None where nothing is changed."""
    headers, answer_headers, caller, offer, answer = call.changes
    changes = Changes()
    is_changed = False
    if headers is not None and headers.is_changed:
        changes.removed, changes.added, is_changed = headers.removed, headers.added, True
    if answer_headers is not None and answer_headers.is_changed:
        changes.answer_removed, changes.answer_added = answer_headers.removed, answer_headers.added
        is_changed = True
    if caller is not None and caller.sender:
        changes.sender, is_changed = caller.sender, True
    if offer is not None and offer:
        changes.offer, changes.codecs = _offer_edits(offer, call.described, failed)
        is_changed = is_changed or changes.offer is not None or changes.codecs is not None
    if answer is not None and answer.edits:
        changes.answer, is_changed = partial(_answered, list(answer.edits), failed), True
    if call.diet:
        changes.diet, is_changed = tuple(call.diet), True
    if call.is_recorded:
        changes.record = is_changed = True
        changes.announcement = call.announcement
    return changes if is_changed else None


def _offer_edits(offer: Offer, came: bytes, failed: Failed) -> tuple[Edit | None, Edit | None]:
    """The edits of an offer: what is done before media, and with the codecs in the end. Raises Misuse."""
    codec_edits = offer.codec_edits
    goes = offer.encode_for_media()
    codecs = partial(_with_codecs, codec_edits, failed) if codec_edits else None
    return (partial(_instead, came, goes) if goes != came else None), codecs


def _instead(came: bytes, goes: bytes, description: bytes) -> bytes:
    """Another description than the one that the script saw is left alone."""
    return goes if description == came else description


def _with_codecs(edits: tuple[CodecEdit, ...], failed: Failed, description: bytes) -> bytes:
    try:
        return made_again(description, edits)
    except Malformed as fault:
        failed(fault)
        return description


def _answered(edits: list[AnswerEdit], failed: Failed, description: bytes) -> bytes:
    """An answer is better passed as it is than lost: whoever took the call is talking."""
    try:
        return edited(description, edits)
    except Exception as fault:  # noqa: BLE001 - edits are functions of the script
        failed(fault)
        return description
