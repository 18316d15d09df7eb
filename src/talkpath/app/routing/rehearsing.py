"""A call that somebody only wants to know of, as the message and the flow that the edge rehearses with."""

import asyncio
from collections.abc import Callable, Iterable
from os.path import getmtime
from pathlib import Path

import msgspec

from talkpath.base.address import Address, Flow, Transport
from talkpath.calls.model import Moment
from talkpath.edge.edge import Edge
from talkpath.routing.holdup import HoldUps
from talkpath.routing.loading import load
from talkpath.routing.router import RouterSettings, ScriptRouter
from talkpath.sip.message import Message

#: What a caller usually offers; a script may want to see it.
_OFFER = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 96 9 8 0 101\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)
_PORT = 5060
# Names are looked up, and a script may ask others.
_PATIENCE_S = 30.0
_HERE = "127.0.0.1"


class Wish(msgspec.Struct, frozen=True):
    """Who calls whom, and from which IP address ("": where its phone is, else this host).

    `invite` is the very INVITE of a call of the past, which came from `source` and `port`; `script` is the file that
    is asked instead of the script in use.
    """

    caller: str
    called: str
    source: str = ""
    port: int = 0
    transport: Transport = Transport.UDP
    invite: bytes = b""
    script: str = ""


class Trial:
    """A script that is not in use, as calls are put to it. It is loaded anew when it, or a module beside it, was
    saved. `hold_ups` gives who breaks off functions that block: they would hold up the calls that run."""

    def __init__(
        self, settings: RouterSettings, now: Callable[[], float], hold_ups: Callable[[], HoldUps | None]
    ) -> None:
        self._settings = settings
        self._now = now
        self._hold_ups = hold_ups
        self._known: dict[Path, float] = {}
        self._router: ScriptRouter | None = None

    def adopt(self, settings: RouterSettings) -> None:
        """Ask scripts so from now on."""
        self._settings = settings
        if self._router is not None:
            self._router.settings = settings

    async def router(self, file: str) -> ScriptRouter:
        """Raises BadScript, OSError."""
        router = self._router
        if router is None or router.script.file != Path(file) or await asyncio.to_thread(self._is_saved):
            script = await asyncio.to_thread(load, Path(file), is_trial=True)
            self._known = await asyncio.to_thread(_saved, script.files)
            if router is not None:
                router.close()
            loop = asyncio.get_running_loop()
            router = ScriptRouter(script, self._settings, loop, self._now, _nobody_listens, self._hold_ups())
            self._router = router
        return router

    def _is_saved(self) -> bool:
        return _saved(self._known) != self._known


def _saved(files: Iterable[Path]) -> dict[Path, float]:
    """When these files were saved last. Raises OSError."""
    return {file: getmtime(file) for file in files}


def _nobody_listens() -> None:
    """What a rehearsal decides sends nothing."""


async def rehearsed(edge: Edge, wish: Wish, trial: Trial, now: Callable[[], float]) -> list[Moment]:
    """The steps of such a call. Raises what `Trial.router` does, and Malformed."""
    done: asyncio.Future[list[Moment]] = asyncio.get_running_loop().create_future()

    def told(steps: list[Moment]) -> None:
        if not done.done():
            done.set_result(steps)

    user = wish.caller if edge.core.world.accounts.exists(wish.caller) else ""
    flow = _flow(edge, wish, user, now())
    invite = Message.parse(wish.invite) if wish.invite else _invite(edge, wish, flow)
    router = await trial.router(wish.script) if wish.script else None
    edge.rehearsals.begin(invite, flow, user, told, now(), router)
    return await asyncio.wait_for(done, _PATIENCE_S)


def _flow(edge: Edge, wish: Wish, user: str, now: float) -> Flow:
    """That of the caller's phone where it has one, and nothing else was asked for."""
    bindings = edge.core.registrar.bindings(user, now) if user and not wish.source else []
    if bindings:
        return bindings[0].flow
    host = wish.source or _HERE
    local = edge.core.world.reach.local_for(wish.transport, host) or Address(host, _PORT)
    if wish.port:
        return Flow(wish.transport, local, Address(host, wish.port))
    gateways = [target for one in edge.gateways.all() for target in one.targets if target.remote.host == wish.source]
    remote = gateways[0].remote if gateways else Address(host, _PORT)
    return Flow(Transport.UDP, local, remote)


def _invite(edge: Edge, wish: Wish, flow: Flow) -> Message:
    here = edge.core.locality.named(flow)
    home = min(edge.core.settings.domains, default=str(here))
    host = flow.remote.host
    body = _OFFER.format(host=host).replace("IP4", "IP6" if ":" in host else "IP4")
    lines = (
        f"INVITE {_uri(wish.called, home)} SIP/2.0",
        f"Via: SIP/2.0/{flow.transport} {flow.remote};branch=z9hG4bKroute",
        "Max-Forwards: 70",
        f"From: <{_uri(wish.caller, home)}>;tag=route",
        f"To: <{_uri(wish.called, home)}>",
        "Call-ID: route",
        "CSeq: 1 INVITE",
        f"Contact: <sip:{flow.remote}>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    )
    return Message.parse(("\r\n".join(lines) + f"\r\n\r\n{body}").encode())


def _uri(text: str, home: str) -> str:
    """A URI as it is, a name or number at home."""
    if text.partition(":")[0].lower() in ("sip", "sips", "tel"):
        return text
    return f"sip:{text}" if "@" in text else f"sip:{text}@{home}"
