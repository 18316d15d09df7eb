"""Key presses are sent in a way the other side does not understand."""

from collections.abc import Iterator

from talkpath.base.errors import Malformed
from talkpath.base.texts import Text
from talkpath.calls.model import MessageSeen
from talkpath.capture.records import PayloadUse
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath
from talkpath.explain.reading.traits import Trait
from talkpath.sdp import SessionDescription

PRESSED = Text(
    "{who} pressed {digits} as telephone-event in payload type {number}.",
    "{who}按键 {digits}，以 telephone-event 载荷类型 {number} 发送。",
)
WANTED = Text("{other} had announced telephone-event as {wanted}.", "{other}声明的 telephone-event 为 {wanted}。")
NONE = Text("{other} had announced no telephone-event.", "{other}没有声明 telephone-event。")
LEFT_OUT = Text(
    "{other} had offered {number}, and the answer of {who} left it out: it was not agreed (RFC 3264 6.1).",
    "{other}的请求提供了 {number}，但{who}的应答未包含它：双方并未约定（RFC 3264 6.1）。",
)
INFO = Text(
    "{who} sent digits by INFO; {other} refused with {status}.", "{who}用 INFO 发送按键；{other}以 {status} 拒绝。"
)
LOST = Text(
    "{digits} came in from {src}, and no key press left towards {other}.",
    "来自 {src} 的按键 {digits} 没有被转发给{other}。",
)


def check(story: Story) -> Iterator[Found]:
    for path in story.talk.paths:
        for from_caller in (True, False):
            found = _wrong_number(story, path, from_caller) or _left_out(story, path, from_caller)
            if found is not None:
                yield found
                return
    yield from _dropped(story)
    yield from _refused_info(story)


def _wrong_number(story: Story, path: MediaPath, from_caller: bool) -> Found | None:
    """A sender must use the numbers of the receiver's description (RFC 3264 section 5.1)."""
    receiver = path.latest(not from_caller)
    for rtp in path.heard(from_caller) if receiver is not None else ():
        wanted, own = _announced(story, path, not from_caller), _announced(story, path, from_caller) or set()
        used = {use.number for use in rtp.payload_types if use.number in own or _is_event(use)}
        if wanted is None or not used or used & wanted:
            continue
        who, other = party(from_caller), party(not from_caller)
        digits, number = "".join(digit.digit for digit in rtp.digits) or "?", ", ".join(map(str, sorted(used)))
        strange = next(use for use in rtp.payload_types if use.number in used)
        evidence = [because(PRESSED, (strange.first_frame,), strange.start, who=who, digits=digits, number=number)]
        listed = ", ".join(map(str, sorted(wanted)))
        evidence.append(because(WANTED if wanted else NONE, (), rtp.start, other=other, wanted=listed))
        direction = Direction.of(from_caller)
        return Found(tuple(evidence), {"who": who, "other": other}, leg=path.first_leg.index, direction=direction)
    return None


def _left_out(story: Story, path: MediaPath, from_caller: bool) -> Found | None:
    """Who answers may send what the offer names only where the own answer names it too (RFC 3264 section 6.1)."""
    wanted, own = _announced(story, path, not from_caller), _announced(story, path, from_caller)
    answer = _answered_with(story, path, from_caller)
    if not wanted or own or answer is None:
        return None
    for rtp in path.heard(from_caller):
        used = [use for use in rtp.payload_types if use.number in wanted and _is_event(use)]
        if not used:
            continue
        who, other = party(from_caller), party(not from_caller)
        digits = "".join(digit.digit for digit in rtp.digits) or "?"
        facts = {"who": who, "other": other, "digits": digits, "number": used[0].number}
        evidence = [because(PRESSED, (used[0].first_frame,), used[0].start, **facts)]
        evidence.append(because(LEFT_OUT, answer.frames[:1], answer.time, **facts))
        direction = Direction.of(from_caller)
        values = {"who": who, "other": other}
        return Found(tuple(evidence), values, leg=path.first_leg.index, direction=direction, confidence=0.75)
    return None


def _answered_with(story: Story, path: MediaPath, by_caller: bool) -> MessageSeen | None:
    """The last description of a side, where it was the answer to an offer."""
    exchanges = [one for one in story.of_leg(path.first_leg, "INVITE") if one.answer is not None]
    last = exchanges[-1] if exchanges else None
    if last is None or last.answer is None or last.from_caller is by_caller or not last.request.sip.carries_sdp:
        return None
    return last.answer if last.answer.sip.carries_sdp else None


def _is_event(use: PayloadUse) -> bool:
    """By a description, or by its looks where nobody announced the number."""
    return use.encoding.lower() == "telephone-event"


def _announced(story: Story, path: MediaPath, by_caller: bool) -> set[int] | None:
    """The payload types one side gave to telephone-event in its last description; None when it gave none at all."""
    seen = None
    for exchange in story.of_leg(path.first_leg, "INVITE"):
        answered = exchange.answer
        own = exchange.request if exchange.from_caller is by_caller else answered
        seen = own if own is not None and own.sip.carries_sdp and answered is not None else seen
    if seen is None:
        return None
    try:
        for section in SessionDescription.parse(seen.sip.body):
            if section.kind == "audio":
                return {codec.payload_type for codec in section.codecs if codec.name.lower() == "telephone-event"}
    except Malformed:
        pass
    return None


def _dropped(story: Story) -> Iterator[Found]:
    """A relay that hears key presses and passes none on."""
    if len(story.talk.paths) < 2:
        return
    for from_caller in (True, False):
        paths = story.talk.paths if from_caller else story.talk.paths[::-1]
        before, after = paths[0].heard(from_caller), paths[-1].heard(from_caller)
        pressed = [rtp for rtp in before if rtp.digits]
        if not pressed or not after or any(rtp.digits for rtp in after):
            continue
        who, other = party(from_caller), party(not from_caller)
        rtp = pressed[0]
        frames = [digit.frame for digit in rtp.digits]
        digits = "".join(digit.digit for digit in rtp.digits)
        evidence = because(LOST, frames, rtp.digits[0].time, digits=digits, src=rtp.src, other=other)
        yield Found((evidence,), {"who": who, "other": other}, direction=Direction.of(from_caller))
        return


def _refused_info(story: Story) -> Iterator[Found]:
    for exchange in story.in_dialog("INFO"):
        kind = (exchange.request.sip.first("Content-Type") or "").lower()
        if "dtmf" not in kind or exchange.status < 400 or exchange.status in (401, 407, 481):
            continue
        who, other = party(exchange.from_caller), party(not exchange.from_caller)
        final = exchange.final
        frames = [*exchange.request.frames, *(final.frames if final else ())]
        evidence = because(INFO, frames, exchange.request.time, who=who, other=other, status=exchange.status)
        yield Found(
            (evidence,),
            {"who": who, "other": other},
            leg=exchange.leg.index,
            direction=Direction.of(exchange.from_caller),
        )
        return


RULE: Rule = Rule(
    code="dtmf-mismatch",
    symptom=Symptom.FAILS,
    severity=Severity.ERROR,
    title=Text("{other} does not understand the key presses of {who}", "{other}无法识别{who}的按键"),
    why=Text("Menus, PINs and conference codes do not work.", "菜单、密码和会议号都无法使用。"),
    needs=Text(
        "Key presses in a payload type that the receiver did not announce, or that the presser's own answer left "
        "out, "
        "INFO with digits that is refused, or key presses that a relay hears and does not pass on. Two sides that "
        "each announced their own number, and use the other's, are right.",
        "按键使用了接收方未声明的载荷类型，或按键方自己的应答未包含该类型，或带按键的 INFO 被拒绝，"
        "或中继收到按键却没有转发。"
        "双方各自声明号码并使用对方的号码是正确的。",
    ),
    fix=Text(
        "Let both sides use RFC 4733 with the number of the other's description; set the phone's DTMF mode to match "
        "(RFC 2833/4733, not INFO or inband), or let the relay translate.",
        "双方都使用 RFC 4733，且采用对方描述中的号码；把话机的 DTMF 模式设为一致（RFC 2833/4733，不用 INFO 或带内），"
        "或让中继转换。",
    ),
    doubt=Text(
        "Many receivers take every number that they offered, agreed or not; whether the menu went on tells.",
        "许多接收方会接受自己提供过的任何编号，无论是否约定；看菜单是否继续即可判断。",
    ),
    traits=frozenset({Trait.KEYED, Trait.REFUSED}),
    of_call=check,
)
