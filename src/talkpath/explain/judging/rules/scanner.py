"""Somebody tries the door: scanning for users, passwords and open relays."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.numbers import dialled, leads_abroad
from talkpath.explain.reading.scene import Scene
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message
from talkpath.sip.scanners import tool_of

# Different users that one source tries without success: more than anybody's phone book of typing errors.
USERS = 8
# Refused attempts for one user: a phone with a wrong password repeats too, but not this often within a minute.
GUESSES = 30
# Who asks for the state of many is a phone with many keys, as long as it is not refused for want of credentials.
_OF_USERS = frozenset({"SUBSCRIBE", "PUBLISH", "MESSAGE"})
# So many, so many a second, are a flood whatever it is made of.
FLOOD, FLOOD_PER_S = 200, 20.0
# So many Call-IDs may be those of one phone that was started again.
PHONE_CALL_IDS = 3
# What unknown users and wrong passwords get. Nobody at home (480), no (603) and no answer at all are everyday's.
CHALLENGES = frozenset({401, 403, 407})
REFUSALS = frozenset({401, 403, 404, 407, 484})

TOOL = Text("{src} calls itself {agent}.", "{src} 自称 {agent}。")
TRIED = Text(
    "{src} tried {users} different users with {messages} requests; {refused} were refused, {accepted} accepted.",
    "{src} 以 {messages} 个请求尝试了 {users} 个不同用户；被拒绝 {refused} 个，成功 {accepted} 个。",
)
PROVED = Text(
    "Credentials for {users} of them were refused (realm {realm}): a wrong password, or the wrong realm, in each.",
    "其中 {users} 个用户的凭据被拒绝（realm {realm}）：密码或 realm 有误。",
)
IN = Text("At least one attempt was accepted: {user}.", "至少一次尝试成功：{user}。")


class Visitor:
    """What one source tried outside and inside calls."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.unproven: set[str] = set()
        self.realm = ""
        self.call_ids: set[str] = set()
        self.frames: list[int] = []
        self.first = self.last = 0.0
        self.messages = self.refused = 0
        self.accepted: list[str] = []
        self.agent = ""

    def take(self, sip: Message, frame: int, time: float, status: int, names_user: bool = True) -> None:
        self.messages += 1
        self.first, self.last = self.first or time, time
        if len(self.frames) < 20:
            self.frames.append(frame)
        self.agent = self.agent or tool_of(sip)
        if sip.method == "INVITE" and leads_abroad(dialled(sip)):
            return  # a number abroad is no user of this house that somebody looks for
        if names_user or not self.users:
            self.users.add(_user(sip))
        if len(self.call_ids) < GUESSES:
            self.call_ids.add(sip.call_id)
        if status in REFUSALS:
            self.refused += 1
            self._take_credentials(sip)
        elif 200 <= status < 300 and sip.method != "OPTIONS":
            self.accepted.append(_user(sip))

    def _take_credentials(self, sip: Message) -> None:
        text = sip.first("Authorization") or sip.first("Proxy-Authorization")
        if text:
            self.unproven.add(_user(sip))
            self.realm = parse_auth(text)[1].get("realm", "?")

    @property
    def is_strange(self) -> bool:
        """Whether it tries the names of many who do not let it in."""
        return len(self.users) >= USERS and self.refused > 3 * len(self.accepted)


def check_scene(scene: Scene) -> Iterator[Found]:
    for source, visitor in visitors_of(scene).items():
        guesses = is_guessing(visitor.refused, visitor.last - visitor.first, len(visitor.call_ids))
        strange = visitor.is_strange
        if visitor.agent or strange or (guesses and not visitor.accepted):
            yield Found(
                tuple(_evidence(source, visitor)),
                {"src": source},
                severity=Severity.ERROR if visitor.accepted and (visitor.agent or strange) else None,
                confidence=0.95 if visitor.agent else 0.8,
            )


def is_guessing(refused: int, seconds: float, call_ids: int) -> bool:
    """More refusals, and faster, than a phone with a wrong password gets; that one goes on with the Call-ID of its
    registration (RFC 3261 10.2), and not many times a second."""
    is_flood = refused >= FLOOD and refused > FLOOD_PER_S * seconds
    return refused >= GUESSES and seconds < 2 * refused and (call_ids > PHONE_CALL_IDS or is_flood)


def visitors_of(scene: Scene) -> dict[str, Visitor]:
    """What each source tried, by its address."""
    visitors: dict[str, Visitor] = {}
    for exchange in scene.outside:
        request, method = exchange.request, exchange.sip.method
        if method in ("REGISTER", "OPTIONS"):
            visitor = _visitor(visitors, request.src.host)
            visitor.take(exchange.sip, request.frame, request.time, exchange.status)
        elif method in _OF_USERS and (exchange.status in CHALLENGES or 200 <= exchange.status < 300):
            visitor = _visitor(visitors, request.src.host)
            visitor.take(exchange.sip, request.frame, request.time, exchange.status, names_user=False)
    for call in scene.calls:
        first, invite = call.legs[0].hop.first, call.legs[0].invite
        visitor = _visitor(visitors, first.src.host)
        if invite.is_request:
            visitor.take(invite, first.frame, first.time, call.status)
    return visitors


def _visitor(visitors: dict[str, Visitor], source: str) -> Visitor:
    known = visitors.get(source)
    if known is None:
        known = visitors[source] = Visitor()
    return known


def _user(sip: Message) -> str:
    text = sip.first("To") or ""
    return text.partition("sip:")[2].partition("@")[0] or text


def _evidence(source: str, visitor: Visitor) -> Iterator[Because]:
    if visitor.agent:
        yield because(TOOL, visitor.frames[:1], visitor.first, src=source, agent=visitor.agent)
    values = {"users": len(visitor.users), "messages": visitor.messages, "refused": visitor.refused}
    yield because(TRIED, visitor.frames, visitor.first, src=source, accepted=len(visitor.accepted), **values)
    if visitor.unproven:
        yield because(PROVED, (), visitor.last, users=len(visitor.unproven), realm=visitor.realm)
    if visitor.accepted:
        yield because(IN, (), visitor.last, user=visitor.accepted[0])


RULE: Rule = Rule(
    code="scanner",
    symptom=Symptom.SECURITY,
    severity=Severity.WARNING,
    title=Text("{src} is scanning for users or passwords", "{src} 正在扫描用户或密码"),
    why=Text(
        "It costs capacity, fills logs, and sooner or later finds a weak password.",
        "它消耗容量、填满日志，并迟早会找到弱密码。",
    ),
    needs=Text(
        "A scanner's name in User-Agent or From, eight or more different users tried without success from one "
        "address, "
        "or thirty refused attempts in a minute. A gateway or proxy that relays for many users has answers; a phone "
        "with a wrong password tries one user, slowly.",
        "User-Agent 或 From 中出现扫描工具名，或同一地址尝试八个以上不同用户且均失败，或一分钟内三十次被拒。"
        "为许多用户中继的网关或代理会得到成功应答；密码错误的话机只慢慢尝试一个用户。",
    ),
    fix=Text(
        "Drop {src} at the firewall, answer unknown users and wrong passwords alike, and limit the rate per source.",
        "在防火墙丢弃 {src}；对未知用户和错误密码给出相同应答；并按来源限速。",
    ),
    own_fix=Text(
        "Keep {src} out with `talkpath bans add {src}`, where it goes on: the guard bans it by itself only while "
        "it asks for too much ([guard]). If it is a gateway or a phone of yours, give it an account or name it in "
        "`authentication.trusted`.",
        "若其仍在继续，用 `talkpath bans add {src}` 将其拒之门外：防护只在请求过多时才自动封禁（[guard]）"
        "。若它是自己的网关或话机，请给它帐号，或写入 `authentication.trusted`。",
    ),
    doubt=Text(
        "A server of yours that relays for many users with one wrong password, or a whole office after its "
        "passwords were changed, looks the same: many users, all refused, from one address. Such phones go on with "
        "one Call-ID each and rising CSeq, and name users that you know.",
        "若自己的服务器以一个错误密码为众多用户中继，或整个办公室在更换密码之后，看起来也一样：同一地址、"
        "众多用户、全部被拒。这类话机各自沿用同一 Call-ID 且 CSeq 递增，所用用户名也是自己已有的。",
    ),
    of_scene=check_scene,
)
