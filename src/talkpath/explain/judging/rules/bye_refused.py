"""Who is told to hang up refuses, and the call stays up at its end."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.calls.model import MessageSeen
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.route import stuck_requests
from talkpath.explain.reading.story import Exchange, Story
from talkpath.explain.reading.traits import Trait

# So long after the refusal it must send for the call to be up: what comes sooner crossed the BYE on its way.
GOES_ON_S = 3.0
LEAST_PACKETS = 50
# What says that there is no such call here (RFC 3261 15.1.2): then nothing is left to be hung up.
NOT_HERE = 481

REFUSED = Text("BYE by {sender} was refused with {status} {reason}.", "{sender}的 BYE 被以 {status} {reason} 拒绝。")
ONCE = Text("It was not sent again.", "之后没有重发。")
TALKS = Text(
    "{other} went on sending audio for {seconds:.0f} s after that.", "此后{other}继续发送语音 {seconds:.0f} 秒。"
)
LATER = Text("{other} hung up by itself {seconds:.0f} s later.", "{seconds:.0f} 秒后{other}自行挂断。")
STALE = Text(
    "Its CSeq {number} is not higher than that of the request before ({before}): RFC 3261 12.2.2 asks for 500.",
    "其 CSeq {number} 不大于之前请求的 CSeq（{before}）：RFC 3261 12.2.2 要求返回 500。",
)


def check(story: Story) -> Iterator[Found]:
    byes = list(story.in_dialog("BYE"))
    stuck = {id(hop) for one in stuck_requests(story) for hop in one.hops}
    for bye in byes:
        final = bye.final
        if final is None or final.sip.status < 300 or id(bye) in stuck or _is_over(byes, bye, final):
            continue
        proof = list(_proof(story, byes, bye, final))
        if not proof and final.sip.status in (NOT_HERE, 408):
            continue
        yield _found(story, bye, final, proof)
        return


def _is_over(byes: list[Exchange], bye: Exchange, final: MessageSeen) -> bool:
    """Another BYE of either side ended the call: this one was asked again (with credentials), or both hung up."""
    return any(one.answer is not None and one.request.time < final.time + GOES_ON_S for one in byes if one is not bye)


def _proof(story: Story, byes: list[Exchange], bye: Exchange, final: MessageSeen) -> Iterator[Because]:
    """That the call is up at the other end: it goes on talking, or hangs up much later."""
    other = party(not bye.from_caller)
    for one in story.call.streams:
        rtp = one.rtp
        seconds = rtp.end - final.time
        if one.from_caller is not bye.from_caller and seconds > GOES_ON_S and rtp.packets >= LEAST_PACKETS:
            yield because(TALKS, (rtp.last_frame,), final.time, other=other, seconds=seconds)
            break
    for later in byes:
        seconds = later.request.time - final.time
        if later.from_caller is not bye.from_caller and seconds > GOES_ON_S:
            yield because(LATER, later.request.frames[:1], later.request.time, other=other, seconds=seconds)
            return


def _found(story: Story, bye: Exchange, final: MessageSeen, proof: list[Because]) -> Found:
    sender, other = party(bye.from_caller), party(not bye.from_caller)
    values = {"sender": sender, "other": other, "status": final.sip.status, "reason": final.sip.reason}
    frames = [*bye.request.frames, *final.frames]
    evidence = [because(REFUSED, frames, final.time, **values), *_stale(story, bye, final), *proof]
    own = (one.request.time for one in story.in_dialog("BYE") if one.from_caller is bye.from_caller)
    if not any(time > final.time for time in own):
        evidence.append(because(ONCE, (), final.time))
    return Found(
        tuple(evidence),
        values,
        leg=bye.leg.index,
        direction=Direction.of(bye.from_caller),
        severity=Severity.ERROR if proof else Severity.WARNING,
        confidence=0.95 if proof else 0.6,
    )


def _stale(story: Story, bye: Exchange, final: MessageSeen) -> Iterator[Because]:
    """A number that was used before, which the other side must refuse."""
    number = story.number(bye)
    earlier = [
        story.number(one)
        for one in story.of_leg(bye.leg)
        if one.from_caller is bye.from_caller and one.request.time < bye.request.time and one.method != "BYE"
    ]
    if final.sip.status == 500 and earlier and max(earlier) >= number:
        yield because(STALE, bye.request.frames[:1], bye.request.time, number=number, before=max(earlier))


RULE: Rule = Rule(
    code="bye-refused",
    symptom=Symptom.CANNOT_HANG_UP,
    severity=Severity.ERROR,
    title=Text(
        "{sender} hangs up, and {other} refuses with {status} {reason}",
        "{sender}挂机，但{other}以 {status} {reason} 拒绝",
    ),
    why=Text(
        "Who refuses a BYE keeps the call: it goes on sending, and somebody goes on paying for it.",
        "拒绝 BYE 的一方会保留通话：它继续发送，费用也继续产生。",
    ),
    needs=Text(
        "A BYE refused by whom it is for, and a sign that the call stayed up there: audio for more than three "
        "seconds "
        "after, or its own BYE much later (without such a sign: a warning). A BYE that is sent again and accepted, "
        "one of two that cross, and 481 from a side that has fallen silent are no fault.",
        "BYE 被其接收方拒绝，且有迹象表明对方仍保持通话：此后继续发送语音超过三秒，或很久之后才自行挂断"
        "（没有此类迹象时为警告）。重发后被接受的 BYE、双方同时挂机、以及已静默一方返回的 481 都不算故障。",
    ),
    fix=Text(
        "Look at why {other} answers {status}: a CSeq that does not rise (500), credentials that are asked for "
        "within "
        "the call (401, 407: whoever asks must get the BYE again with them, or not ask), a tag or Call-ID that a box "
        "in between changed (481), or an application that failed.",
        "查明{other}为何返回 {status}：CSeq 没有递增（500）、通话内要求认证"
        "（401、407：应带凭据重发 BYE，或不要求认证）、中间设备改动了 tag 或 Call-ID（481），或应用程序出错。",
    ),
    doubt=Text(
        "Audio after the refusal may come from a music or announcement server that is slow to stop. Without audio in "
        "the capture nothing tells whether the call stayed up.",
        "拒绝之后的语音可能来自停止较慢的音乐或放音服务器。抓包中没有语音时，无法判断通话是否仍保持。",
    ),
    traits=frozenset({Trait.REFUSED, Trait.CHALLENGED}),
    explains=frozenset({"session-expired", "contact-unreachable"}),
    of_call=check,
)
