"""Calls to expensive numbers that nobody in the house makes.

Of its own calls the edge says which of them were more than their account may make (`edge/admission/toll.py`).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.calls.model import Call, Moment
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import as_evidence
from talkpath.explain.reading.numbers import dialled, leads_abroad
from talkpath.explain.reading.scene import Scene
from talkpath.sip.scanners import tool_of

# One number with this many different prefixes is somebody looking for the one that gets out.
PREFIXES = 4
# Calls abroad by one source within the window, and how many of them at once.
CALLS = 10
WINDOW_S = 600.0
AT_ONCE = 4
# Faster than this, one after the other, nobody dials numbers of ten digits.
DIALLING_S = 6.0

TRIED = Text(
    "{src} tried the same number with {count} different prefixes: {list}.",
    "{src} 用 {count} 种前缀尝试同一号码：{list}。",
)
MANY = Text(
    "{src} made {count} calls abroad within {seconds:.0f} s, {answered} were answered; up to {at_once} at once.",
    "{src} 在 {seconds:.0f} 秒内拨打了 {count} 个国际电话，{answered} 个接通；最多同时 {at_once} 个。",
)
TALK = Text("They lasted {minutes:.0f} minutes together.", "合计通话 {minutes:.0f} 分钟。")
REFUSED = Text(
    "Calls of {user} that were refused within {seconds:.0f} s: {count}, the last to {number}.",
    "{user} 在 {seconds:.0f} 秒内有 {count} 个呼叫被拒绝，最近一次拨打 {number}。",
)
LOOK = Text(
    "See whom {src} calls (`talkpath calls`). If it is not its owner, change the password of the account "
    "(`talkpath users password`); if it is, give it more with `[[toll.accounts]]`.",
    "查看 {src} 拨打的号码（`talkpath calls`）。若非本人所为，请更改帐号密码（`talkpath users password`）；"
    "若是本人，请用 `[[toll.accounts]]` 放宽限额。",
)

#: What the edge noted of a call that it refused.
_OVER = "toll."

#: A number as it was dialled, and the call.
Dialled = tuple[str, Call]


def check_scene(scene: Scene) -> Iterator[Found]:
    by_source: dict[str, list[Dialled]] = defaultdict(list)
    for call in scene.calls:
        number = _dialled(call)
        if call.caller.address is not None and number:
            by_source[call.caller.address.host].append((number, call))
    for source, calls in by_source.items():
        evidence = [*_prefixes(source, calls), *_burst(source, calls)]
        if evidence:
            answered = [call for number, call in calls if call.answered_at is not None and leads_abroad(number)]
            severity = Severity.ERROR if answered else Severity.WARNING
            yield Found(tuple(evidence), {"src": source}, severity=severity, confidence=0.8)
    yield from _over_limits(scene)


def _over_limits(scene: Scene) -> Iterator[Found]:
    """Accounts whose calls the edge refused because they were too many."""
    by_user: dict[str, list[tuple[Moment, Call]]] = defaultdict(list)
    for call in scene.calls:
        for moment in call.moments:
            if moment.kind.startswith(_OVER):
                by_user[str(moment.values["user"])].append((moment, call))
    for user, refused in by_user.items():
        firsts = {moment.kind: moment for moment, _ in reversed(refused)}
        (first, _), (last, latest) = refused[0], refused[-1]
        values = {"count": len(refused), "seconds": last.time - first.time, "number": _dialled(latest)}
        evidence = [*map(as_evidence, firsts.values()), because(REFUSED, (), last.time, user=user, **values)]
        severity = Severity.WARNING
        yield Found(tuple(evidence), {"src": user}, severity=severity, fix=said(LOOK, src=user), confidence=0.6)


def _dialled(call: Call) -> str:
    sip = call.legs[0].invite
    return dialled(sip) if sip.is_request else call.callee.user


def _prefixes(source: str, calls: list[Dialled]) -> Iterator[Because]:
    """The last nine digits equal, what stands before them different."""
    ways: dict[str, dict[str, Call]] = defaultdict(dict)
    for number, call in calls:
        if len(number) >= 11 and number.lstrip("+#*").isdigit():
            ways[number[-9:]].setdefault(number[:-9], call)
    for number, prefixes in ways.items():
        if len(prefixes) >= PREFIXES:
            tried = list(prefixes.values())
            listed = ", ".join(f"{prefix}{number}" for prefix in list(prefixes)[:5])
            frames = [call.legs[0].hop.first.frame for call in tried]
            yield because(TRIED, frames, tried[0].start, src=source, count=len(prefixes), list=listed)
            return


def _burst(source: str, calls: list[Dialled]) -> Iterator[Because]:
    abroad = sorted((call for number, call in calls if leads_abroad(number)), key=lambda call: call.start)
    users = {call.caller.user for call in abroad}
    if len(abroad) < CALLS or len(users) > max(2, len(abroad) // 4):
        return
    span = abroad[-1].start - abroad[0].start
    at_once = _most_at_once(abroad)
    tool = any(tool_of(call.legs[0].invite) for call in abroad)
    is_machine = bool(tool) or at_once >= AT_ONCE or span < DIALLING_S * len(abroad)
    if not is_machine or (not tool and span > WINDOW_S * len(abroad) / CALLS):
        return
    answered = [call for call in abroad if call.answered_at is not None]
    frames = [call.legs[0].hop.first.frame for call in abroad[:20]]
    values = {"count": len(abroad), "answered": len(answered), "seconds": span, "at_once": at_once}
    yield because(MANY, frames, abroad[0].start, src=source, **values)
    minutes = sum(call.talk_s or 0.0 for call in answered) / 60
    if minutes >= 1:
        yield because(TALK, (), abroad[-1].start, minutes=minutes)


def _most_at_once(calls: list[Call]) -> int:
    """The most of these calls, in the order of their starts, that were up when one of them began."""
    ends = sorted(_end(call) for call in calls)
    return max(begun - bisect_right(ends, call.start) for begun, call in enumerate(calls, 1))


def _end(call: Call) -> float:
    return max(call.start, call.ended_at) if call.ended_at is not None else call.start + 1


RULE: Rule = Rule(
    code="toll-fraud",
    symptom=Symptom.SECURITY,
    severity=Severity.ERROR,
    title=Text("{src} makes, or tries to make, expensive calls like a fraudster", "{src} 疑似盗打电话"),
    why=Text(
        "A stolen password or an open route is turned into calls to premium numbers; the bill comes later.",
        "盗取的密码或开放的路由被用来拨打高额号码，账单随后就到。",
    ),
    needs=Text(
        "One number tried with four or more prefixes, or ten or more calls abroad by one user within minutes, "
        "several at a time or faster than anybody dials, or calls that the edge refused because its account had made "
        "as many as it may. A trunk that carries many users' calls, or a few calls "
        "abroad, is no fault.",
        "同一号码用四种以上前缀尝试，或同一用户几分钟内拨打十个以上国际电话，多路并发或快过人工拨号，"
        "或超出帐号限额而被边缘服务器拒绝的呼叫。"
        "承载众多用户的中继线，或少量国际电话不算。",
    ),
    fix=Text(
        "Block {src}, change the password of the account it uses, let only authenticated users dial out, and limit "
        "destinations, calls at once and cost per user.",
        "封锁 {src}，更换其所用帐号的密码，只允许已认证用户外呼，并限制每个用户的目的地、并发数和费用。",
    ),
    own_fix=Text(
        "Give the account it uses a new password (`talkpath users password`), keep it out with `talkpath bans add "
        "{src}`, and set what an account may spend under [toll]: `home`, `abroad_calls_at_once` and the others.",
        "为其所用帐号设置新密码（`talkpath users password`），用 `talkpath bans add {src}` 将其封禁，"
        "并在 [toll] 中设置帐号限额：`home`、`abroad_calls_at_once` 等。",
    ),
    doubt=Text(
        "A calling campaign, a dialler or a fax server of yours calls many numbers abroad at once, by one account, "
        "on purpose. Whose account it is, and whether the numbers are of one costly range, tells; `times` under "
        "[[toll.accounts]] lets an account of that kind call.",
        "自己的外呼活动、自动拨号器或传真服务器也会用一个帐号同时拨打许多国际号码。可看帐号属于谁、"
        "号码是否集中在某个高资费号段；[[toll.accounts]] 的 `times` 可放行此类帐号。",
    ),
    of_scene=check_scene,
)
