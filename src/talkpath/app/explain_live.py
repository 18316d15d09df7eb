"""`--hep` and `--live`: what arrives at a socket is explained as the calls end, and summed up at the end."""

import select
import socket
import sys
import time
from collections.abc import Callable
from datetime import datetime

from talkpath.app import explain_words as texts
from talkpath.app.config.endpoints import parse_endpoint
from talkpath.app.explain import Unread
from talkpath.app.phrase import phrase
from talkpath.base.errors import Malformed
from talkpath.base.readable import printable
from talkpath.base.texts import Language
from talkpath.calls import words as call_words
from talkpath.capture.reader import Feed
from talkpath.capture.records import Record
from talkpath.explain.judging.explanation import Explained, Explainer, Explanation
from talkpath.explain.reading.sites import Sites

HEP_PORT = 9060
ETH_P_ALL = 3
EVERY_INTERFACE = "any"  # as other tools call it; a packet socket that is not bound hears all
SO_TIMESTAMPNS = 35  # socket(7); Python has no name for it
# How often calls that ended are looked for.
LOOK_S = 1.0


def explain_hep(address: str, sites: Sites, language: Language) -> Explanation:
    """Listen until Ctrl-C. Raises `Unread` where nobody can listen there."""
    host, port = _endpoint(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as door:
        try:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            door.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise Unread("cannot-listen", phrase(texts.CANNOT_LISTEN, address=address, reason=reason)) from None
        print(texts.LISTENING.say(language, address=address), file=sys.stderr)
        feed = Feed()
        return _follow(door, feed, lambda: _mirrored(door, feed), sites, language)


def _endpoint(address: str) -> tuple[str, int]:
    found = parse_endpoint(address)
    if found is None:
        raise Unread("cannot-listen", phrase(texts.CANNOT_LISTEN, address=address, reason=texts.NO_ADDRESS))
    host, port = found
    return host, port or HEP_PORT


def explain_interface(interface: str, sites: Sites, language: Language) -> Explanation:
    """Capture until Ctrl-C. Raises `Unread` where that is not allowed."""
    try:
        door = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        if interface != EVERY_INTERFACE:
            door.bind((interface, 0))
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unread("cannot-capture", phrase(texts.CANNOT_CAPTURE, interface=interface, reason=reason)) from None
    with door:
        # the kernel says when a frame came, since we may look late
        door.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
        print(texts.WATCHING.say(language, interface=interface), file=sys.stderr)
        feed = Feed()
        return _follow(door, feed, lambda: feed.receive(door.fileno(), time.time())[1], sites, language)


def _follow(
    door: socket.socket, feed: Feed, take: Callable[[], list[Record]], sites: Sites, language: Language
) -> Explanation:
    """Read the door, tell every call that ended, and sum up when interrupted."""
    explainer = Explainer(sites)
    look_at = time.time() + LOOK_S
    try:
        while True:
            if select.select([door], [], [], LOOK_S)[0]:
                explainer.receive(take())
            now = time.time()
            if now >= look_at:
                look_at = now + LOOK_S
                explainer.receive(feed.expire(now))
                for one in explainer.ended(now, feed.settle):
                    print(printable(_line(one, language)), flush=True)
    except KeyboardInterrupt:
        explainer.receive(feed.finish())
    return explainer.finish()


def _mirrored(door: socket.socket, feed: Feed) -> list[Record]:
    """The records of the HEP messages that are there now."""
    door.setblocking(False)
    records: list[Record] = []
    for _ in range(1000):
        try:
            records += feed.hep(door.recv(65_535), time.time())
        except Malformed:
            continue
        except BlockingIOError:
            break
    return records


def _line(one: Explained, language: Language) -> str:
    call = one.call
    what = one.findings[0].title.say(language) if one.findings else texts.FINE.say(language)
    clock = datetime.fromtimestamp(call.start).astimezone().strftime("%H:%M:%S")
    way = f"{call.caller.user or call.caller.host} → {call.callee.user or call.callee.host}"
    result = call_words.RESULTS[call.result].say(language)
    return texts.ENDED.say(language, time=clock, id=call.id, way=way, result=result, what=what)
