"""The session timer runs out because nobody refreshes it."""

from collections.abc import Iterator, Sequence

from talkpath.base.texts import Text
from talkpath.calls.model import Leg, MessageSeen
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because, party, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.story import Exchange, Story
from talkpath.explain.reading.traits import Trait
from talkpath.sip.grammar import whole_number

AGREED = Text(
    "Agreed: the session expires after {seconds} s unless refreshed; the {refresher} refreshes.",
    "约定：{seconds} 秒内不刷新则会话过期；由{refresher}刷新。",
)
NONE = Text("No re-INVITE or UPDATE was seen before the end.", "结束前没有看到 re-INVITE 或 UPDATE。")
FAILED = Text("{method} to refresh failed with {status}.", "用于刷新的 {method} 失败，状态 {status}。")
SILENT = Text("{method} to refresh stayed unanswered.", "用于刷新的 {method} 无应答。")
ENDED = Text(
    "BYE came {seconds:.0f} s after the last refresh.{reason}", "最后一次刷新后 {seconds:.0f} 秒收到 BYE。{reason}"
)
REFUSED = Text(
    "The caller asks for a session of {asked} s; the answer is 422, at least {least} s, and the caller does not try "
    "again.",
    "主叫要求会话时长 {asked} 秒；应答为 422，至少 {least} 秒，而主叫没有重试。",
)
ASK_FOR_MORE = Text(
    "Let the caller send the INVITE again with Session-Expires of {least} s or more and a Min-SE (RFC 4028 7.3), or "
    "set its timer to that; or lower the server's minimum.",
    "让主叫以不小于 {least} 秒的 Session-Expires 和 Min-SE 重发 INVITE（RFC 4028 7.3），或调整其定时器；"
    "也可降低服务器的最小值。",
)
TURNED = Text(
    "The {method} of {sender} says refresher={refresher}, which means {who}; before, {before} refreshed: one side "
    "goes "
    "on as it was, and both refresh.",
    "{sender}的 {method} 写 refresher={refresher}，即由{who}刷新；而此前由{before}刷新：一方照旧，结果双方都在刷新。",
)
GLARE = Text(
    "Both sides asked to refresh at once, {times} times, and each refused the other's with 491.",
    "双方同时请求刷新 {times} 次，互相以 491 拒绝。",
)
COLLIDING = Text("both sides refresh, and refuse each other's", "双方都在刷新并互相拒绝")
FIX_GLARE = Text(
    "Let both sides agree on one refresher: who sends a re-INVITE or UPDATE names the refresher of that request "
    "(uac is its sender, RFC 4028 7.1), and who gets it takes that over. After a 491 the two wait for times that "
    "differ (RFC 3261 14.1). Until then switch the timer off on one side, or refresh from one side only.",
    "让双方约定同一刷新方：发送 re-INVITE 或 UPDATE 的一方在其中写明刷新方（uac 即该请求的发送方，RFC 4028 7.1），"
    "接收方据此更新。收到 491 后双方应等待不同时长（RFC 3261 14.1）。在此之前可在一侧关闭定时器，或只由一侧刷新。",
)
NOT_REFRESHED = Text("it was not refreshed", "没有刷新")
TOO_SHORT = Text("the other side wants a longer one", "对方要求更长的时长")
TOO_SMALL = 422
REFRESHER = {
    "uac": Text("caller", "主叫"),
    "uas": Text("callee", "被叫"),
    "": Text("calling side", "呼叫方"),
}
# BYE comes when a third, but not more than 32 s, of the interval is left (RFC 4028 section 10), or at its end.
EARLY_SHARE = 2 / 3
LATE_S = 5.0
# What says that there is no session to refresh, and how soon the BYE follows it.
GONE = frozenset({408, 481})
AT_ONCE_S = 2.0
# An unanswered refresh is repeated so often before it means something, and its BYE follows within Timer F.
SENDINGS = 3
PATIENCE_S = 20.0
# Two requests that meet (RFC 3261 14.1 and 14.2), and how long after the last such meeting a side hangs up.
PENDING = 491
MEETING_S = 2.0
GIVING_UP_S = 40.0
# A shorter talk has no timer that ran out (Min-SE is 90 s, RFC 4028 section 5).
LEAST_TALK_S = 60.0


def check(story: Story) -> Iterator[Found]:
    yield from _too_small(story)
    if story.call.ended_at is None:
        return
    for leg in story.legs:
        answer = _answer(story, leg)
        if answer is None:
            continue
        seconds, refresher = _expires(answer)
        if seconds:
            yield from _judge(story, leg, answer, seconds, refresher)
            return


def _too_small(story: Story) -> Iterator[Found]:
    """A 422 that ends the call: who called did not ask again with the interval that is wanted (RFC 4028 7.3)."""
    if story.call.status != TOO_SMALL:
        return
    refused = [e for e in story.of_leg(story.first, "INVITE") if e.is_initial and e.status == TOO_SMALL]
    for exchange in refused[-1:]:
        final = exchange.final or exchange.request
        asked = exchange.request.sip.first("Session-Expires") or "-"
        frames = [*exchange.request.frames, *final.frames]
        least = final.sip.first("Min-SE") or "-"
        evidence = because(REFUSED, frames, final.time, asked=asked, least=least)
        fix = said(ASK_FOR_MORE, least=least)
        values = {"seconds": asked.partition(";")[0], "cause": TOO_SHORT}
        yield Found((evidence,), values, leg=0, symptom=Symptom.FAILS, fix=fix)


def _answer(story: Story, leg: Leg) -> MessageSeen | None:
    invite = story.invite(leg)
    return invite.answer if invite else None


def _expires(answer: MessageSeen) -> tuple[int, str]:
    """The interval and the refresher of a 2xx (RFC 4028 sections 4 and 5), 0 without a timer."""
    text = answer.sip.first("Session-Expires") or ""
    number, _, params = text.partition(";")
    refresher = params.partition("refresher=")[2].partition(";")[0].strip().lower()
    seconds = whole_number(number.strip())
    return (0, "") if seconds is None else (seconds, refresher)


def _judge(story: Story, leg: Leg, answer: MessageSeen, seconds: int, refresher: str) -> Iterator[Found]:
    refreshes = [e for e in story.in_dialog("INVITE", "UPDATE") if e.leg is leg]
    good = [e for e in refreshes if e.answer]
    last = max([answer.time, *(e.request.time for e in good)])
    bye = next(story.in_dialog("BYE"), None)
    end = story.call.ended_at or story.end
    passed = end - last
    if bye is None:
        return
    colliding = _collisions(refreshes, bye)
    if colliding:
        yield _of_collisions(story, leg, answer, seconds, refreshes, colliding)
        return
    given_up = [e for e in refreshes if _gives_up(e, bye)]
    if not given_up and story.talk_s < LEAST_TALK_S:
        return
    if not given_up and not min(seconds * EARLY_SHARE, seconds - 32) - 1 <= passed <= seconds + LATE_S:
        return
    reason = bye.request.sip.first("Reason") or ""
    bad = given_up or [e for e in refreshes if not e.answer]
    names_it = any(word in reason.lower() for word in ("timer", "timeout", "expire", "session"))
    if (
        not bad
        and not names_it
        and abs(passed - seconds) > 3
        and abs(passed - (seconds - 32)) > 2
        and abs(passed - seconds * EARLY_SHARE) > 2
    ):
        return
    evidence = [
        because(
            AGREED, answer.frames, answer.time, seconds=seconds, refresher=REFRESHER.get(refresher, REFRESHER[""])
        )
    ]
    for exchange in bad[-1:]:
        text = FAILED if exchange.status else SILENT
        request = exchange.request
        evidence.append(because(text, request.frames, request.time, method=exchange.method, status=exchange.status))
    if not refreshes:
        evidence.append(because(NONE, (), last))
    evidence.append(because(ENDED, bye.request.frames, end, seconds=passed, reason=f" {reason}" if reason else ""))
    certain = bool(bad) or names_it
    values = {"seconds": seconds, "cause": NOT_REFRESHED}
    yield Found(tuple(evidence), values, leg=leg.index, confidence=0.95 if certain else 0.7)


def _gives_up(refresh: Exchange, bye: Exchange) -> bool:
    """The other side knows nothing of the session any more, or says nothing at all, and who refreshed hangs up
    (RFC 4028 section 10)."""
    if refresh.from_caller is not bye.from_caller or refresh.request.sip.first("Session-Expires") is None:
        return False
    final = refresh.final
    if final is not None:
        return refresh.status in GONE and 0 <= bye.request.time - final.time <= AT_ONCE_S
    waited = bye.request.time - refresh.request.time
    is_patient = refresh.sendings >= SENDINGS or waited >= PATIENCE_S
    return not refresh.responses and is_patient and 0 < waited <= GIVING_UP_S


def _collisions(refreshes: Sequence[Exchange], bye: Exchange) -> list[tuple[Exchange, Exchange]]:
    """Refreshes of both sides that met and were refused (RFC 3261 14.2), after the last that succeeded and not long
    before the BYE."""
    done = max((one.request.time for one in refreshes if one.answer), default=0.0)
    refused = [one for one in refreshes if one.status == PENDING and one.request.time > done]
    mine, theirs = ([one for one in refused if one.from_caller is side] for side in (True, False))
    met = [(one, two) for one in mine for two in theirs if abs(one.request.time - two.request.time) <= MEETING_S]
    latest = max((one.request.time for pair in met for one in pair), default=0.0)
    return met if met and 0 <= bye.request.time - latest <= GIVING_UP_S else []


def _of_collisions(
    story: Story,
    leg: Leg,
    answer: MessageSeen,
    seconds: int,
    refreshes: Sequence[Exchange],
    met: Sequence[tuple[Exchange, Exchange]],
) -> Found:
    refresher = _expires(answer)[1]
    agreed = {"seconds": seconds, "refresher": REFRESHER.get(refresher, REFRESHER[""])}
    evidence = [because(AGREED, answer.frames, answer.time, **agreed), *_turned(refreshes, refresher != "uas")]
    frames = [frame for pair in met for one in pair for frame in one.request.frames[:1]]
    evidence.append(because(GLARE, frames, met[0][0].request.time, times=len(met)))
    bye = next(story.in_dialog("BYE"))
    end, last = bye.request.time, max(one.request.time for pair in met for one in pair)
    reason = bye.request.sip.first("Reason") or ""
    values = {"seconds": end - last, "reason": f" {reason}" if reason else ""}
    evidence.append(because(ENDED, bye.request.frames, end, **values))
    told = {"seconds": seconds, "cause": COLLIDING}
    return Found(tuple(evidence), told, leg=leg.index, fix=said(FIX_GLARE), confidence=0.9 if len(met) > 1 else 0.7)


def _turned(refreshes: Sequence[Exchange], by_caller: bool) -> Iterator[Because]:
    """A request within the call that made the other side the refresher (RFC 4028 7.4: uac is its own sender)."""
    for one in refreshes:
        refresher = _expires(one.answer)[1] if one.answer is not None else ""
        if not refresher:
            continue
        is_callers = one.from_caller is (refresher == "uac")
        if is_callers is not by_caller:
            values = {"method": one.method, "sender": party(one.from_caller), "refresher": refresher}
            before = {"who": party(is_callers), "before": party(by_caller)}
            yield because(TURNED, one.request.frames[:1], one.request.time, **values, **before)
        by_caller = is_callers


RULE: Rule = Rule(
    code="session-expired",
    symptom=Symptom.DROPS,
    severity=Severity.ERROR,
    title=Text(
        "The session timer ({seconds} s) ends the call: {cause}",
        "会话定时器（{seconds} 秒）使呼叫结束：{cause}",
    ),
    why=Text(
        "Both sides agreed to prove every so often that the call lives. Where the proof does not come "
        "through, a side "
        "hangs up in the middle of the talk, always after the same time.",
        "双方约定定期证明通话仍在。证明没有送达时，一方会在通话中途挂断，且每次都在相同时长后发生。",
    ),
    needs=Text(
        "Session-Expires in the 200 OK, a BYE just when it runs out (or a third earlier), and no refresh that "
        "succeeded within the interval; a refresh that is refused with 408 or 481, or never answered, and a BYE of "
        "its sender; refreshes of both sides that meet, are refused with 491 and followed by a BYE; or a 422 after "
        "which nobody asks again. A call that happens to end at another time, and a meeting that is sorted out, are "
        "no fault.",
        "200 OK 带 Session-Expires，BYE 恰在到期时（或提前三分之一）出现，且期间没有成功的刷新；"
        "或刷新被以 408、481 拒绝或始终无应答，其发送方随后 BYE；或双方的刷新相遇并互相以 491 拒绝，随后 BYE；"
        "或收到 422 后没有重试。其他时刻正常挂断、以及相遇后得到解决的情况都不算故障。",
    ),
    fix=Text(
        "Look for what stops the refresh: a proxy without loose routing for UPDATE or re-INVITE, a Contact "
        "that cannot "
        "be reached, a phone that agreed to refresh and does not. Else raise the timer, or switch it off on "
        "one side.",
        "检查刷新为何不成功：代理未对 UPDATE 或 re-INVITE 做 loose routing、Contact 不可达、话机同意刷新却没有执行。"
        "否则调大定时器，或在一侧关闭。",
    ),
    doubt=Text(
        "A person may hang up just when the timer runs out. Where the end fits the interval and nothing else names "
        "the timer, the confidence is 0.7.",
        "也可能有人恰在定时器到期时挂机。若仅有时刻吻合而无其他依据，置信度为 0.7。",
    ),
    traits=frozenset({Trait.TIMED, Trait.REFUSED}),
    of_call=check,
)
