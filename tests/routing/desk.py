"""An edge that only asks: it keeps what a script decides, and tells it how attempts end."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

from talkpath.base.address import Address, Flow, Transport
from talkpath.edge.routing.inquiry import Answer, Outcome, Verdict
from talkpath.edge.routing.plan import Plan, ToGateways, ToPlace, ToService, ToUser
from talkpath.routing.loading import Script, load
from talkpath.routing.router import RouterSettings, ScriptRouter
from talkpath.sip.message import Message

HEAD = "from talkpath.routing import *\nedge = Edge()\n"
LINES_BEFORE = HEAD.count("\n")

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0 8 110 96\r\na=rtpmap:110 speex/8000\r\na=rtpmap:96 opus/48000/2\r\na=sendrecv\r\n"
    "m=video 4002 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\n"
)


def invite(uri: str = "sip:1001@example.com", body: str = OFFER, headers: str = "", call_id: str = "c1") -> Message:
    """A request as a phone writes it."""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    text = (
        f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n"
        f'From: "Anna" <sip:anna@example.com>;tag=a1\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n'
        f"Contact: <sip:anna@192.0.2.7>\r\nMax-Forwards: 70\r\n{headers}{kind}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    return Message.parse(text.encode())


class Asked:
    """One question, as the edge asks it."""

    def __init__(
        self, message: Message | None = None, user: str = "", gateway: str = "", gateway_group: str = ""
    ) -> None:
        self.message = message or invite()
        self.flow = Flow(Transport.UDP, Address("203.0.113.1", 5060), Address("192.0.2.7", 5060))
        self.user = user
        self.gateway = gateway
        self.gateway_group = gateway_group
        self.is_dry = False
        self.on_over: Callable[[float], None] | None = None
        self.verdict: Verdict | None = None
        self.verdicts: list[Verdict] = []
        self.moments: list[tuple[str, dict[str, Any]]] = []
        self.attempts: list[tuple[Plan, Callable[[Outcome, float], None]]] = []
        #: what attempts end with at once, in their order
        self.outcomes: list[Outcome] = []

    def note(self, kind: str, now: float, **values: str | int | float) -> None:
        self.moments.append((kind, values))

    def attempt(self, plan: Plan, done: Callable[[Outcome, float], None], now: float) -> None:
        self.attempts.append((plan, done))
        if self.outcomes:
            done(self.outcomes.pop(0), now)

    def decide(self, verdict: Verdict, now: float) -> None:
        self.verdicts.append(verdict)
        if self.verdict is None:
            self.verdict = verdict

    # --- for tests

    @property
    def answer(self) -> Answer:
        assert isinstance(self.verdict, Answer), self.verdict
        return self.verdict

    @property
    def plan(self) -> Plan:
        assert isinstance(self.verdict, Plan), (self.verdict, self.moments)
        return self.verdict

    def said(self, kind: str) -> dict[str, Any]:
        """The values of the last moment of a kind."""
        return next(values for name, values in reversed(self.moments) if name == kind)


class Hooked:
    """A request within a call, as the edge asks about it."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.call_id = message.call_id
        self.answers: list[Answer | None] = []
        self.moments: list[tuple[str, dict[str, Any]]] = []

    def note(self, kind: str, now: float, **values: str | int | float) -> None:
        self.moments.append((kind, values))

    def go_on(self, refusal: Answer | None, now: float) -> None:
        self.answers.append(refusal)


class Desk:
    """A script, and an edge that asks it."""

    def __init__(self, folder: Path, *, deadline_s: float = 5.0, region: str = "") -> None:
        self.folder = folder
        self.settings = RouterSettings(deadline_s, region)
        self.pumped = 0
        self.router: ScriptRouter | None = None

    @property
    def file(self) -> Path:
        return self.folder / "routing.py"

    def write(self, body: str, head: str = HEAD) -> Path:
        self.file.write_text(head + dedent(body))
        return self.file

    def load(self, body: str, head: str = HEAD) -> Script:
        return load(self.write(body, head))

    def run(self, body: str) -> ScriptRouter:
        """Ask this script from now on."""
        loop = asyncio.get_running_loop()
        self.router = ScriptRouter(self.load(body), self.settings, loop, loop.time, self._pump)
        return self.router

    def on_call(self, body: str) -> ScriptRouter:
        """A script of one function, of which this is the body."""
        lines = "\n".join("    " + line for line in dedent(body).strip("\n").split("\n"))
        return self.run(f"@edge.on_call\nasync def route(call):\n{lines}\n")

    def ask(self, asked: Asked | None = None, **fields: Any) -> Asked:
        assert self.router is not None
        asked = asked or Asked(**fields)
        self.router.ask(asked, asyncio.get_running_loop().time())
        return asked

    def _pump(self) -> None:
        self.pumped += 1


def groups_of(plan: Plan) -> list[str]:
    """A plan in words: its groups in their order."""
    found = []
    while (group := plan.next()) is not None:
        text = " + ".join(_way(way) for way in group.ways)
        limits = [f"{name}={value}" for name, value in _limits(group) if value is not None]
        found.append(" ".join([text, *limits]))
    return found


def _limits(group: Any) -> list[tuple[str, Any]]:
    on = sorted(group.leads_on) if group.leads_on is not None else None
    return [("follow", group.follows or None), ("ring_s", group.wait_s), ("no_answer_s", group.no_word_s), ("on", on)]


def _way(way: Any) -> str:
    match way:
        case ToUser():
            return f"user {way.user}"
        case ToPlace():
            return str(way.heading.uri)
        case ToGateways():
            return f"group {way.group}" + (f" {way.number}" if way.number else "") + (" at once" * way.at_once)
        case ToService():
            return f"service {way.service}"
    raise AssertionError(way)
