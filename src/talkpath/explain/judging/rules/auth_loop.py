"""Credentials are sent and refused again and again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from talkpath.base.texts import Text
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.rules.scanner import REFUSALS, is_guessing, visitors_of
from talkpath.explain.reading.scene import Outside, Scene
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message
from talkpath.sip.scanners import tool_of

# Challenges to requests that already carried credentials, before it is a loop: one may be a stale nonce.
REFUSED_WITH_CREDENTIALS = 2
# Requests that are refused outright with credentials (how some servers say "wrong password"). Of a REGISTER that
# answers a challenge one is enough; what else is forbidden, a call, may be so by rule.
FORBIDDEN = 3
FORBIDDEN_REGISTER = 1

LOOP = Text(
    "{method} was sent {times} times with credentials for {user} (realm {realm}) and got {status} each time.",
    "{method} 携带 {user}（realm {realm}）的凭据发送了 {times} 次，每次都收到 {status}。",
)
NONCE = Text("The nonce it answers is not the one it was given last.", "它所用的 nonce 不是最近一次给出的。")
OVER_AND_OVER = Text("challenged over and over", "反复质询")
FORBIDDEN_AT_ONCE = Text("refused with 403", "以 403 拒绝")
REALM = Text(
    "Its credentials are for realm {sent}, asked for was {asked}.", "凭据的 realm 为 {sent}，而要求的是 {asked}。"
)

Try = tuple[float, int, Message, int, Message | None]
"""Time, frame, request, status and challenge of one attempt."""


def check(story: Story) -> Iterator[Found]:
    invites = [e for e in story.of_leg(story.first) if e.method != "ACK" and e.is_initial]
    tries = [
        (e.request.time, e.request.frame, e.request.sip, e.status, e.final.sip if e.final else None) for e in invites
    ]
    if story.call.answered_at is None:
        yield from _judge(tries)


def check_scene(scene: Scene) -> Iterator[Found]:
    """Registrations and other requests outside calls, by user and place."""
    grouped: dict[tuple[str, str, str], list[Outside]] = defaultdict(list)
    for exchange in scene.outside:
        if exchange.sip.method in ("REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE"):
            user = exchange.sip.first("To") or ""
            grouped[exchange.sip.method, exchange.request.src.host, user.partition(";tag")[0]].append(exchange)
    if not grouped:
        return
    strange = {source for source, visitor in visitors_of(scene).items() if visitor.is_strange}
    for (_, source, _), exchanges in grouped.items():
        if source in strange:
            continue  # told once, with how many of its users had credentials
        if any(200 <= exchange.status < 300 for exchange in exchanges) or _is_guessed(exchanges):
            continue  # whoever tries passwords has no credentials, and a finding of its own
        yield from _judge(
            [
                (
                    e.request.time,
                    e.request.frame,
                    e.sip,
                    e.status,
                    next((m for _, m in e.answers if m.status >= 200), None),
                )
                for e in exchanges
            ]
        )


def _is_guessed(exchanges: Sequence[Outside]) -> bool:
    refused = [exchange for exchange in exchanges if exchange.status in REFUSALS]
    seconds = exchanges[-1].request.time - exchanges[0].request.time
    call_ids = len({exchange.sip.call_id for exchange in exchanges})
    return bool(tool_of(exchanges[0].sip)) or is_guessing(len(refused), seconds, call_ids)


def _judge(tries: Sequence[Try]) -> Iterator[Found]:
    """Refused though credentials were there, more often than one stale nonce explains."""
    with_credentials = [one for one in tries if _credentials(one[2]) and one[3] in (401, 407, 403)]
    stale = sum(
        1 for one in with_credentials if one[4] is not None and "stale=true" in _challenge_text(one[4]).lower()
    )
    challenged = [one for one in with_credentials if one[3] != 403]
    is_forbidden = len(challenged) - min(stale, 1) < REFUSED_WITH_CREDENTIALS
    if is_forbidden:
        if len(with_credentials) < FORBIDDEN and not _is_refused_register(tries):
            return
        challenged = with_credentials
    _time, _frame, sip, status, challenge = challenged[-1]
    sent = _credentials(sip)
    user, realm = sent.get("username", "?"), sent.get("realm", "?")
    frames = [one[1] for one in challenged]
    evidence = [
        because(
            LOOP,
            frames,
            challenged[0][0],
            method=sip.method,
            times=len(challenged),
            user=user,
            realm=realm,
            status=status,
        ),
        *_details(challenged, sent, challenge),
    ]
    symptom = Symptom.FAILS if sip.method != "REGISTER" else Symptom.NO_RING
    how = FORBIDDEN_AT_ONCE if is_forbidden else OVER_AND_OVER
    values = {"user": user, "method": sip.method, "how": how}
    yield Found(tuple(evidence), values, symptom=symptom, confidence=0.8 if is_forbidden else 0.9)


def _is_refused_register(tries: Sequence[Try]) -> bool:
    """The last word to a phone that wants to register is 403, in reply to credentials that were asked for."""
    forbidden = [one for one in tries if _credentials(one[2]) and one[3] == 403]
    was_asked = any(one[3] in (401, 407) and not _credentials(one[2]) for one in tries)
    is_last = bool(tries) and tries[-1][3] == 403
    return len(forbidden) >= FORBIDDEN_REGISTER and was_asked and is_last and tries[-1][2].method == "REGISTER"


def _details(challenged: Sequence[Try], sent: dict[str, str], challenge: Message | None) -> Iterable[Because]:
    asked = parse_auth(_challenge_text(challenge))[1] if challenge is not None else {}
    if asked.get("realm", sent.get("realm")) != sent.get("realm"):
        frame, time = challenged[-1][1], challenged[-1][0]
        yield because(REALM, (frame,), time, sent=sent.get("realm"), asked=asked.get("realm"))
    given = challenged[-2][4] if len(challenged) > 1 else None
    last = parse_auth(_challenge_text(given))[1].get("nonce") if given is not None else None
    if last is not None and last != sent.get("nonce"):
        yield because(NONCE, (challenged[-1][1],), challenged[-1][0])


def _credentials(sip: Message) -> dict[str, str]:
    text = sip.first("Authorization") or sip.first("Proxy-Authorization")
    return parse_auth(text)[1] if text else {}


def _challenge_text(sip: Message) -> str:
    return sip.first("WWW-Authenticate") or sip.first("Proxy-Authenticate") or ""


RULE: Rule = Rule(
    code="auth-loop",
    symptom=Symptom.FAILS,
    severity=Severity.ERROR,
    title=Text(
        "{method} is {how}: the credentials of {user} are not accepted",
        "{method} 被{how}：{user} 的凭据不被接受",
    ),
    why=Text(
        "The password, user name or realm does not match, so nothing that needs a login works.",
        "密码、用户名或 realm 不匹配，凡需要登录的操作都会失败。",
    ),
    needs=Text(
        "At least two requests with credentials that were challenged again, or three that got 403 (of a REGISTER "
        "that answers a challenge, one), and none that succeeded. One challenge before a success is how digest "
        "works; one stale nonce is normal too.",
        "至少两个携带凭据的请求再次被质询，或三个收到 403（回应质询的 REGISTER 一个即可），且没有一个成功。"
        "成功前的一次质询是摘要认证的正常过程；一次 nonce 过期也属正常。",
    ),
    fix=Text(
        "Compare the password and the authentication name of {user} on the phone and on the server, and the realm; "
        "behind several servers let all of them know each other's nonces.",
        "核对话机与服务器上 {user} 的密码、认证名以及 realm；多台服务器时应共享 nonce。",
    ),
    own_fix=Text(
        "Compare the password and the authentication name on the phone with the account {user}: `talkpath users "
        "password {user}` gives it a new one; the realm is `authentication.realm`.",
        "核对话机上的密码、认证名与帐号 {user}：`talkpath users password {user}` 可设置新密码；"
        "realm 为 `authentication.realm`。",
    ),
    doubt=Text(
        "In a capture that ends within the attempts the next one may succeed. Two attempts of a stranger are "
        "somebody who guesses a password, and no phone of yours. Some servers say 403 to an account that is barred, "
        "or not allowed from there, though its password is right.",
        "若抓包在尝试过程中结束，下一次也许会成功。陌生人的两次尝试是在猜密码，而不是自己的话机。"
        "有些服务器对被停用或不允许从该处登录的帐号也回 403，尽管密码正确。",
    ),
    traits=frozenset({Trait.CHALLENGED}),
    explains=frozenset({"registration-flapping"}),
    of_call=check,
    of_scene=check_scene,
)
