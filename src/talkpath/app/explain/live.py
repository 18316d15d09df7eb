"""`--hep`, `--live` and `--follow`: what arrives is explained as the calls end, and summed up at the end."""

import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from talkpath.app.config.endpoints import parse_endpoint
from talkpath.app.console.phrase import phrase
from talkpath.app.explain import words as texts
from talkpath.app.explain.command import Unread
from talkpath.app.explain.filling import Filling
from talkpath.app.explain.hep_door import HepDoor
from talkpath.base.readable import printable
from talkpath.base.texts import Language
from talkpath.calls import words as call_words
from talkpath.capture.reader import Feed
from talkpath.capture.records import CaptureNote, NoteKind, Record
from talkpath.explain.judging.explanation import Explained, Explainer, Explanation
from talkpath.explain.judging.rules.capture_unread import NOTICED
from talkpath.explain.reading.sites import Sites
from talkpath.explain.reading.unread import hiding

HEP_PORT = 9060
ETH_P_ALL = 3
EVERY_INTERFACE = "any"  # as other tools call it; a packet socket that is not bound hears all
SO_TIMESTAMPNS = 35  # socket(7); Python has no name for it
SOL_PACKET, PACKET_STATISTICS = 263, 6  # packet(7)
# How often calls that ended are looked for.
LOOK_S = 1.0
# How often it is said that much is not read, each time that it has doubled.
UNREAD_S = 60.0
# Of a folder that is followed, more than one packet's worth of patience.
FOLDER_S = 0.25

# A reason among those of the reader.
_NO_HEP = "not HEP"

#: Gives what came within so many seconds.
Take = Callable[[float], list[Record]]


def explain_hep(address: str, certificate: Path | None, sites: Sites, language: Language) -> Explanation:
    """Listen until Ctrl-C. Raises `Unread` where nobody can listen there."""
    host, port = _endpoint(address)
    try:
        door = HepDoor(host, port, certificate)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unread("cannot-listen", phrase(texts.CANNOT_LISTEN, address=address, reason=reason)) from None
    print(texts.LISTENING.say(language, address=address), file=sys.stderr)
    feed = Feed()
    live = _Live(feed, sites, language)

    def take(wait_s: float) -> list[Record]:
        records = door.take(feed, wait_s)
        live.count(door.take_strange())
        return records

    try:
        return live.follow(take, time.time)
    finally:
        door.close()


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

        def take(wait_s: float) -> list[Record]:
            is_ready = select.select([door], [], [], wait_s)[0]
            records = feed.receive(door.fileno(), time.time())[1] if is_ready else []
            return records + _dropped(door)

        return _Live(feed, sites, language).follow(take, time.time)


def _dropped(door: socket.socket) -> list[Record]:
    """What the kernel dropped since this was last asked."""
    _, drops = struct.unpack("II", door.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    return [CaptureNote(0, time.time(), NoteKind.DROPPED, drops, 0)] if drops else []


def explain_folder(folder: Path, sites: Sites, language: Language) -> Explanation:
    """Read the files of a folder as they are written, until Ctrl-C. Raises `Unread` where there is no such folder."""
    feed = Feed()
    following, told = Filling(folder, feed), set[Path]()

    def take(wait_s: float) -> list[Record]:
        until = time.monotonic() + wait_s
        while True:
            records = following.take()
            for path, error in following.refused.items():
                if path not in told:
                    told.add(path)
                    print(printable(str(error)), file=sys.stderr)
            if records or time.monotonic() >= until:
                return records
            time.sleep(FOLDER_S)

    try:
        records = following.take()
        print(texts.FOLLOWING.say(language, folder=folder), file=sys.stderr)
        live = _Live(feed, sites, language)
        live.explainer.receive(records)
        return live.follow(take, lambda: following.now)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unread("cannot-read", phrase(texts.CANNOT_READ, file=folder, reason=reason)) from None


class _Live:
    """A feed that is explained while it comes."""

    def __init__(self, feed: Feed, sites: Sites, language: Language) -> None:
        self._feed = feed
        self._language = language
        self.explainer = Explainer(sites)
        #: packets so far, and what of them was not read, by reason; so many were told last
        self._packets = 0
        self._unread: dict[str, int] = {}
        self._told = 0

    def follow(self, take: Take, clock: Callable[[], float]) -> Explanation:
        """Tell every call that ended, and sum up when interrupted."""
        look_at, unread_at = time.monotonic(), time.monotonic() + LOOK_S
        try:
            while True:
                self.explainer.receive(take(LOOK_S))
                at = time.monotonic()
                if at >= look_at:
                    look_at = at + LOOK_S
                    self._look(clock())
                if at >= unread_at:
                    unread_at = at + UNREAD_S
                    self._tell_unread()
        except KeyboardInterrupt:
            self.explainer.receive(self._feed.finish())
        self._gather()
        self.explainer.unread(self._packets, self._unread)
        return self.explainer.finish()

    def count(self, strange: int) -> None:
        """Messages that came and were none."""
        if strange:
            self._packets += strange
            self._unread[_NO_HEP] = self._unread.get(_NO_HEP, 0) + strange

    def _look(self, now: float) -> None:
        self.explainer.receive(self._feed.expire(now))
        for one in self.explainer.ended(now, self._feed.settle):
            print(printable(_line(one, self._language)), flush=True)

    def _gather(self) -> None:
        packets, unread = self._feed.unread()
        self._packets += packets
        for reason, count in unread.items():
            self._unread[reason] = self._unread.get(reason, 0) + count

    def _tell_unread(self) -> None:
        """Silence about what is not read is not health: said when it is much, and again when it has doubled."""
        self._gather()
        hidden = hiding(self._unread)
        count = sum(hidden.values())
        if count < max(1, NOTICED * self._packets) or count < 2 * self._told:
            return
        self._told = count
        what = ", ".join(f"{reason} ({number})" for reason, number in list(hidden.items())[:6])
        line = texts.NOT_READ.say(self._language, count=count, packets=self._packets, what=what)
        print(printable(line), file=sys.stderr, flush=True)


def _line(one: Explained, language: Language) -> str:
    call = one.call
    what = one.findings[0].title.say(language) if one.findings else texts.FINE.say(language)
    clock = datetime.fromtimestamp(call.start).astimezone().strftime("%H:%M:%S")
    way = f"{call.caller.user or call.caller.host} → {call.callee.user or call.callee.host}"
    result = call_words.RESULTS[call.result].say(language)
    return texts.ENDED.say(language, time=clock, id=call.id, way=way, result=result, what=what)
