"""`--hep` and `--live`: what arrives at a socket is explained as the calls end, and summed up at the end."""

import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime

from talkpath.app import explain_words as texts
from talkpath.app.config_checks import parse_endpoint
from talkpath.app.explain import Unread
from talkpath.app.phrase import phrase
from talkpath.base.errors import Malformed
from talkpath.base.texts import Language
from talkpath.calls import words as call_words
from talkpath.capture.reader import Feed
from talkpath.capture.records import Record
from talkpath.explain.explanation import Explained, Explainer, Explanation
from talkpath.explain.sites import Sites

HEP_PORT = 9060
ETHERNET = 1
ETH_P_ALL = 3
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
        return _follow(door, feed, feed.hep, sites, language)


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
        door.bind((interface, 0))
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unread("cannot-capture", phrase(texts.CANNOT_CAPTURE, interface=interface, reason=reason)) from None
    with door:
        print(texts.WATCHING.say(language, interface=interface), file=sys.stderr)
        feed = Feed()
        return _follow(door, feed, lambda data, now: feed.packet(ETHERNET, now, data), sites, language)


def _follow(
    door: socket.socket, feed: Feed, take: Callable[[bytes, float], list[Record]], sites: Sites, language: Language
) -> Explanation:
    """Read the door, tell every call that ended, and sum up when interrupted."""
    explainer = Explainer(sites)
    look_at = time.time() + LOOK_S
    try:
        while True:
            for data in _arrived(door):
                try:
                    explainer.receive(take(data, time.time()))
                except Malformed:
                    continue
            if time.time() >= look_at:
                look_at = time.time() + LOOK_S
                for one in explainer.ended(time.time()):
                    print(_line(one, language), flush=True)
    except KeyboardInterrupt:
        explainer.receive(feed.finish())
    return explainer.finish()


def _arrived(door: socket.socket) -> Iterator[bytes]:
    """What is there now, after waiting for it at most as long as one look."""
    if not select.select([door], [], [], LOOK_S)[0]:
        return
    door.setblocking(False)
    for _ in range(1000):
        try:
            yield door.recv(65_535)
        except BlockingIOError:
            return


def _line(one: Explained, language: Language) -> str:
    call = one.call
    what = one.findings[0].title.say(language) if one.findings else texts.FINE.say(language)
    clock = datetime.fromtimestamp(call.start).astimezone().strftime("%H:%M:%S")
    way = f"{call.caller.user or call.caller.host} → {call.callee.user or call.callee.host}"
    result = call_words.RESULTS[call.result].say(language)
    return texts.ENDED.say(language, time=clock, id=call.id, way=way, result=result, what=what)
