"""A phone's registration comes and goes."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

from talkpath.base.errors import Malformed
from talkpath.base.texts import Text
from talkpath.calls.build import named
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.route import contact_of
from talkpath.explain.reading.scene import Outside, Scene
from talkpath.sip.grammar import NameAddr, whole_number
from talkpath.sip.uri import Uri

# Changes of address within the window that are no longer a phone that moved once. A phone that starts anew takes
# another Call-ID (RFC 3261 10.2.4): somebody may have restarted it, though not so often.
CHANGES = 3
RESTARTS = 5
WINDOW_S = 600.0

MOVED = Text(
    "{user} registered {times} times from changing addresses within {seconds:.0f} s: {list}.",
    "{user} 在 {seconds:.0f} 秒内注册 {times} 次，地址不断变化：{list}。",
)
GAPS = Text(
    "{user} was without a registration {times} times; the longest gap was {seconds:.0f} s.",
    "{user} 有 {times} 次处于未注册状态；最长 {seconds:.0f} 秒。",
)
LEFT = Text("{user} unregistered and registered again {times} times.", "{user} 注销又重新注册 {times} 次。")
UNANSWERED = Text("{times} of its REGISTERs stayed unanswered.", "其中 {times} 个 REGISTER 无应答。")


def check_scene(scene: Scene) -> Iterator[Found]:
    users: dict[str, list[Outside]] = defaultdict(list)
    for exchange in scene.outside_of("REGISTER"):
        users[_user(exchange)].append(exchange)
    for user, exchanges in users.items():
        # One more than the gaps that it takes at least.
        if len(exchanges) < CHANGES:
            continue
        good = [(exchange, _expires(exchange)) for exchange in exchanges if 200 <= exchange.status < 300]
        lasting = [exchange for exchange, expires in good if expires]
        evidence = [*_moved(user, lasting), *_left(user, good), *_gaps(user, lasting)]
        if evidence:
            evidence.extend(_unanswered(exchanges))
            yield Found(tuple(evidence), {"user": user})


def _user(exchange: Outside) -> str:
    user, host, _ = named(exchange.sip, "To")
    if user:
        return f"{user}@{host}"
    try:
        contact = Uri.parse(contact_of(exchange.sip))
    except Malformed:
        return host or exchange.sip.first("To") or "?"
    return f"{contact.user or contact.host}@{host or contact.host}"  # several register for one domain


def _device(exchange: Outside) -> str:
    """The phone behind a registration: its instance (RFC 5626), else its Call-ID (RFC 3261 10.2.4)."""
    contact = exchange.sip.first("Contact") or ""
    instance = contact.partition("+sip.instance=")[2].partition(";")[0].strip('"')
    return instance or exchange.sip.first("User-Agent") or exchange.sip.call_id


def _moved(user: str, exchanges: Sequence[Outside]) -> Iterator[Because]:
    """One device whose packets come from another address every time: a NAT that forgets, a network that changes."""
    by_device: dict[str, list[Outside]] = defaultdict(list)
    for exchange in exchanges:
        by_device[_device(exchange)].append(exchange)
    for seen in by_device.values():
        if len(seen) <= CHANGES:
            continue
        sources = [f"{exchange.request.src} {_reached_at(exchange)}" for exchange in seen]
        changes = [index for index in range(1, len(seen)) if sources[index] != sources[index - 1]]
        back_and_forth = (
            len(set(sources)) <= len(changes) // 2 and len({exchange.request.src.host for exchange in seen}) > 1
        )
        span = seen[-1].request.time - seen[0].request.time
        restarts = sum(seen[index].sip.call_id != seen[index - 1].sip.call_id for index in changes)
        enough = len(changes) - restarts >= CHANGES or len(changes) >= RESTARTS
        if enough and span <= WINDOW_S * max(1, len(changes) / CHANGES) and not back_and_forth:
            listed = ", ".join(dict.fromkeys(sources))
            frames = [exchange.request.frame for exchange in seen]
            values = {"user": user, "times": len(seen), "seconds": span, "list": listed}
            yield because(MOVED, frames, seen[0].request.time, **values)


def _reached_at(exchange: Outside) -> str:
    """Host and port of the Contact; its parameters are new with every start of many phones."""
    try:
        contact = Uri.parse(contact_of(exchange.sip))
    except Malformed:
        return contact_of(exchange.sip)
    return f"{contact.host}:{contact.port}" if contact.port else contact.host


def _left(user: str, good: Sequence[tuple[Outside, int]]) -> Iterator[Because]:
    """Unregistered and back within seconds, several times. Given with what each asked for."""
    left = [
        one
        for (one, first_s), (two, next_s) in itertools.pairwise(good)
        if not first_s and next_s and two.request.time - one.request.time < 120
    ]
    if len(left) >= CHANGES:
        frames = [exchange.request.frame for exchange in left]
        yield because(LEFT, frames, left[0].request.time, user=user, times=len(left))


def _gaps(user: str, exchanges: Sequence[Outside]) -> Iterator[Because]:
    """The time granted ran out before the next REGISTER succeeded."""
    gaps = []
    for one, two in itertools.pairwise(exchanges):
        missing = two.request.time - (one.request.time + _granted(one))
        if missing > 2 and _device(one) == _device(two):
            gaps.append((one, missing))
    if len(gaps) >= CHANGES - 1:
        frames = [exchange.request.frame for exchange, _ in gaps]
        longest = max(missing for _, missing in gaps)
        yield because(GAPS, frames, gaps[0][0].request.time, user=user, times=len(gaps), seconds=longest)


def _unanswered(exchanges: Sequence[Outside]) -> Iterator[Because]:
    silent = [exchange for exchange in exchanges if not exchange.answers]
    if silent:
        frames = [exchange.request.frame for exchange in silent]
        yield because(UNANSWERED, frames, silent[0].request.time, times=len(silent))


def _expires(exchange: Outside) -> int:
    """What the phone asked for; 0 is leaving (RFC 3261 10.2.2)."""
    contact = exchange.sip.first("Contact")
    if contact is None:
        return 3600
    try:
        asked = NameAddr.parse(contact).params.get("expires") or exchange.sip.first("Expires") or "3600"
    except Malformed:
        asked = exchange.sip.first("Expires") or "3600"
    seconds = whole_number(asked.strip())
    return 3600 if seconds is None else seconds


def _granted(exchange: Outside) -> int:
    """What the server granted to this contact, else what was asked."""
    answer = next((sip for _, sip in exchange.answers if 200 <= sip.status < 300), None)
    if answer is None:
        return _expires(exchange)
    wanted = contact_of(exchange.sip)
    for item in answer.listed("Contact"):
        try:
            one = NameAddr.parse(item)
        except Malformed:
            continue
        seconds = whole_number(one.params.get("expires") or "")
        if one.uri == wanted and seconds is not None:
            return seconds
    seconds = whole_number((answer.first("Expires") or "").strip())
    return _expires(exchange) if seconds is None else seconds


RULE: Rule = Rule(
    code="registration-flapping",
    symptom=Symptom.NO_RING,
    severity=Severity.ERROR,
    title=Text("The registration of {user} comes and goes", "{user} 的注册时有时无"),
    why=Text(
        "Calls that come in while the server has an old address, or none, do not ring.",
        "服务器只有旧地址或没有地址时，来电就不会振铃。",
    ),
    needs=Text(
        "One device whose address changes three times or more within minutes, that leaves and returns again "
        "and again, "
        "or whose registration runs out before it is renewed. Frequent REGISTERs from one address, and "
        "several devices "
        "of one user, are no fault.",
        "同一设备在几分钟内地址变化三次以上，反复注销又注册，或注册到期后才续约。同一地址频繁 REGISTER、"
        "一个用户的多台设备都不算故障。",
    ),
    fix=Text(
        "Shorten the interval below the NAT's timeout (or keep alive, or use TCP/TLS), let the server follow "
        "the phone "
        "by its instance (RFC 5626), and look for a phone of {user} that restarts or changes networks.",
        "把注册间隔缩短到 NAT 超时以内（或使用保活、TCP/TLS），让服务器按实例标识跟踪话机（RFC 5626），"
        "并查找 {user} 的话机是否在重启或切换网络。",
    ),
    doubt=Text(
        "Several phones of one user that call themselves by one name and send no instance look like one that moves.",
        "同一用户的多部话机若名称相同且不带实例标识，看起来就像一部在移动的话机。",
    ),
    of_scene=check_scene,
)
