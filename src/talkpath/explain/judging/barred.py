"""What the guard of an edge told, as findings: every ban is one, and so is who goes on with wrong passwords."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from talkpath.base.texts import Text
from talkpath.calls.guarded import Ban, Refused, Why
from talkpath.calls.guarded_words import FIXES, WHY
from talkpath.explain.judging.finding import Because, Finding, Found, Symptom, because, said
from talkpath.explain.judging.rules import auth_loop, scanner

# What the other side can be asked to mend; "" where an edge did not say.
_OF_PROOF = frozenset(
    (
        *("", Why.WRONG_PASSWORD, Why.UNKNOWN_USER, Why.TOO_MANY_TRIES, Why.NO_CREDENTIALS, Why.OTHER_REALM),
        *(Why.BAD_CREDENTIALS, Why.OTHER_USER),
    )
)
# Refusals of one user at one place before they are worth a finding: somebody may mistype twice.
_REFUSALS = 3

BANNED = Text(
    "{source} was banned for {banned:.0f} s: too much of {kind} ({methods} within {seconds:.0f} s).",
    "{source} 被封禁 {banned:.0f} 秒：{kind} 过多（{seconds:.0f} 秒内 {methods}）。",
)
ASKED_FOR = Text("It asked for {users}.", "它请求过 {users}。")
GUESSED = Text("{wrong} of its credentials were refused.", "其凭据被拒绝 {wrong} 次。")
WHY_NOT = Text("The reason of the last: {why}.", "最近一次的原因：{why}。")
CALLED = Text("It calls itself {agent}.", "它自称 {agent}。")
REFUSED = Text(
    "{method} of {user} came from {source} {times} times within {seconds:.0f} s and was refused.",
    "{source} 在 {seconds:.0f} 秒内以 {user} 发送了 {times} 次 {method}，均被拒绝。",
)
UNTRIED = Text(
    "The credentials of {untried} of them were not looked at: there were too many wrong ones before.",
    "其中 {untried} 次未核对凭据：此前错误过多。",
)
# The guard did what can be done at once; what is left is to say whether it was right.
BANNED_FIX = Text(
    "It is heard again when its ban ends (`talkpath bans` says when). `talkpath bans add {host}` keeps it out for "
    "good; if it is yours, `talkpath bans lift {host}` lets it in at once, and an account or "
    "`authentication.trusted` keeps it from being banned again.",
    "封禁到期后会重新受理（`talkpath bans` 可查看时间）。要长期拒绝，用 `talkpath bans add {host}`；"
    "若是自己的设备，用 `talkpath bans lift {host}` 立即解封，并给它帐号或写入 `authentication.trusted`，"
    "以免再次被封。",
)
LIFT_FIX = Text(
    "Compare the password and the authentication name on the phone with the account {user} (`talkpath users password "
    "{user}` gives it a new one); `talkpath bans lift {host}` then lets the phone in at once.",
    "核对话机上的密码、认证名与帐号 {user}（`talkpath users password {user}` 可设置新密码）；"
    "之后用 `talkpath bans lift {host}` 立即解封该话机。",
)


def findings_of(bans: Iterable[Ban], refused: Iterable[Refused]) -> Iterator[Finding]:
    """Findings of an edge that belong to no call. Those of a source that is told as a ban are not told twice."""
    told = []
    for ban in bans:
        if ban.code:
            told.append(ip_network(host_of(ban.source)))
            yield _of_ban(ban)
    for one in refused:
        if one.times >= _REFUSALS and not one.mended and one.why in _OF_PROOF and not _lies_in(one.source, told):
            symptom = Symptom.NO_RING if one.method == "REGISTER" else Symptom.FAILS
            fix = FIXES.get(one.why)
            found = Found(
                tuple(_refusal(one)),
                {"user": one.user, "method": one.method, "how": auth_loop.OVER_AND_OVER},
                symptom=symptom,
                fix=None if fix is None else said(fix, user=one.user, host=one.source),
            )
            yield Finding(auth_loop.RULE, found, is_own=True)


def _lies_in(source: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether one of these networks, a ban's, holds that source; an IPv6 one may be named by its /64."""
    where = ip_network(source)
    return any(where.version == network.version and where.network_address in network for network in networks)


def _of_ban(ban: Ban) -> Finding:
    evidence, host = tuple(_story(ban)), host_of(ban.source)
    if ban.code == auth_loop.RULE.code:
        method = next(iter(ban.methods), "REGISTER")
        user = ban.users[0] if ban.users else "?"
        fix = said(LIFT_FIX, user=user, host=host)
        values = {"user": user, "method": method, "how": auth_loop.OVER_AND_OVER}
        found = Found(evidence, values, symptom=Symptom.NO_RING, fix=fix)
        return Finding(auth_loop.RULE, found, is_own=True)
    found = Found(evidence, {"src": ban.source}, fix=said(BANNED_FIX, host=host))
    return Finding(scanner.RULE, found, is_own=True)


def _story(ban: Ban) -> Iterator[Because]:
    methods = ", ".join(f"{count} {method}" for method, count in ban.methods.items()) or ban.kind
    banned = (ban.until or ban.since) - ban.since
    values = {"kind": ban.kind, "methods": methods, "seconds": ban.seconds, "banned": banned}
    yield because(BANNED, (), ban.since, source=ban.source, **values)
    if ban.tool:
        yield because(scanner.TOOL, (), ban.since, src=ban.source, agent=ban.tool)
    if ban.users:
        yield because(ASKED_FOR, (), ban.since, users=", ".join(ban.users))
    if ban.wrong:
        yield because(GUESSED, (), ban.since, wrong=ban.wrong)


def _refusal(one: Refused) -> Iterator[Because]:
    values = {"times": one.times, "seconds": one.last - one.first}
    yield because(REFUSED, (), one.last, method=one.method, user=one.user, source=one.source, **values)
    if one.untried:
        yield because(UNTRIED, (), one.last, untried=one.untried)
    if one.why:
        yield because(WHY_NOT, (), one.last, why=WHY[one.why])
    if one.agent:
        yield because(CALLED, (), one.last, agent=one.agent)


def host_of(source: str) -> str:
    """The address of a source that may bear a port."""
    if source.startswith("["):
        return source[1:].partition("]")[0]
    return source.rpartition(":")[0] if source.count(":") == 1 else source
