"""Whole nodes are killed under phones that talk, again and again: how long each phone heard nothing.

    python -m bench.failover --kills 20 --seed 1
    python -m bench.failover --kills 4 --how drain --phones RTP,SIPp,SIP.js

Two nodes with keepalived and nats-server, each in a network namespace (needs root); pairs of phones of several kinds:
our own over RTP, baresip over RTP and over SRTP with SDES, linphone; and, where they are asked for, 30 calls of SIPp
and a page with SIP.js in Chromium that hears its echo. Each round all of them call, the node that has the address is
killed at a random moment (`kill -9`), both sides must hear each other again, one side hangs up and the other one must
notice, and the heir's history must have each call whole. The silence is measured on the wire, of every port that
heard something before and after. Phones are on UDP but for the page, which connects again before it hangs up: one on
a connection is told of a BYE when it has registered again, which takes as long as it takes it to see that its
connection is gone. Exit code 1 where a call was lost, or where a silence lasted a second.

`--how stop` stops the node (SIGSTOP) and wakes it while its heir works; `--how drain` has it drained, stopped and
begun again, one node after the other: an upgrade of both under load.
"""

import argparse
import itertools
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "live"))

from harness.agent import Agent, connect, hang_up
from harness.baresip import Baresip
from harness.browser import Browser
from harness.linphone import Linphone
from harness.network import HOME, enter_private_network
from harness.nodes import SHARED, Node, Nodes, Wiretap
from harness.process import PeerFailed
from harness.rtp import Talker
from harness.sipp import Sipp
from harness.sound import voice
from harness.talk import Phone, begin, listen
from harness.webphone import WebPhone

#: No phone may hear nothing for so long; most not for half of it.
LONGEST_S, MEDIAN_S = 1.0, 0.6
# How long a node that woke is given to disturb its heir.
_AWAKE_S = 4.0
# How often a page tries to register again.
_WORDS = 3


class Talk(NamedTuple):
    """A call that runs, or several."""

    #: waits until both sides hear each other (again)
    hear: Callable[[], None]
    #: one side hangs up, the other one notices
    end: Callable[[], None]
    calls: int = 1


class OwnPair:
    """Two phones of ours, over UDP and RTP."""

    name = "RTP"

    def __init__(self, nodes: Nodes, place: Path) -> None:
        self._phones = [Agent(nodes.identity(), bind=HOME).registered() for _ in range(2)]

    def call(self, dice: random.Random) -> Talk:
        alice, bob = self._phones
        talkers = [Talker(HOME, voice(number, 30), ssrc=number) for number in (1, 2)]
        here, there = talkers
        call, incoming = connect(alice, bob, here.offer(), there.offer())
        here.start(call.answer.body)
        there.start(incoming.invite.body)
        sides = [call.dialog, incoming.dialog]
        dice.shuffle(sides)

        def hear() -> None:
            for talker, before in [(one, len(one.received)) for one in talkers]:
                talker.wait_received(before + 25)

        def end() -> None:
            hang_up(*sides)
            for talker in talkers:
                talker.stop()

        return Talk(hear, end)

    def stop(self) -> None:
        for phone in self._phones:
            phone.stop()


class RealPair:
    """Two phones of one make."""

    def __init__(self, name: str, phones: list[Baresip] | list[Linphone]) -> None:
        self.name = name
        self._phones = [phone.registered() for phone in phones]

    def call(self, dice: random.Random) -> Talk:
        first, second = self._phones
        begin(first, second)
        sides: list[Phone] = [first, second]
        dice.shuffle(sides)

        def end() -> None:
            sides[0].hang_up()
            sides[1].closed()

        return Talk(lambda: listen(first, second, 0.5), end)

    def stop(self) -> None:
        for phone in self._phones:
            phone.stop()


class Crowd:
    """Calls of SIPp to the echo, without media, each of some seconds."""

    name = "SIPp"
    _CALLS, _TALK_MS = 30, 12_000

    def __init__(self, nodes: Nodes, place: Path) -> None:
        self._nodes = nodes
        self._place = place
        self._rounds = itertools.count()

    def call(self, dice: random.Random) -> Talk:
        place = self._place / f"{next(self._rounds)}"
        remote = f"{SHARED}:{self._nodes.doors.udp}"
        options = ("-s", "echo", "-d", str(self._TALK_MS))
        sipp = Sipp("uac", place, *options, remote=remote, calls=self._CALLS, rate=self._CALLS)

        def end() -> None:
            outcome = sipp.wait()
            sipp.stop()
            assert outcome.succeeded == self._CALLS, f"{outcome.failed} failed: {sipp.errors}"

        return Talk(lambda: time.sleep(1.5), end, self._CALLS)

    def stop(self) -> None:
        """Nothing is left of it."""


class WebPair:
    """A page with SIP.js that hears its echo; its connection is through the address that moves."""

    name = "SIP.js"

    def __init__(self, nodes: Nodes, place: Path) -> None:
        self._browser = Browser(place)
        self._page = WebPhone(self._browser, nodes.identity("wss"), place, library="sipjs", hertz=440).registered()

    def call(self, dice: random.Random) -> Talk:
        page = self._page
        page.dial("echo")
        page.established()

        def hear() -> None:
            page.wait_sound(page.sound_s() + 0.5)

        def end() -> None:
            come_back(page)
            page.hang_up()
            page.closed()

        return Talk(hear, end)

    def stop(self) -> None:
        self._page.stop()
        self._browser.stop()


def come_back(page: WebPhone) -> None:
    """Its first word on a connection whose node is gone tells it so."""
    for _ in range(_WORDS):
        page.do("comeBack")
        try:
            page.wait("registered", 10)
        except PeerFailed:
            continue
        return


Phones = OwnPair | RealPair | Crowd | WebPair


def pairs(nodes: Nodes, place: Path, wanted: Sequence[str]) -> list[Phones]:
    def at(name: str) -> Path:
        made = place / name
        made.mkdir()
        return made

    def baresips(kind: str, account: str) -> list[Baresip]:
        return [Baresip(nodes.identity(), at(f"{kind}{n}"), seed=n, account=account) for n in (1, 2)]

    makers: dict[str, Callable[[], Phones]] = {
        "RTP": lambda: OwnPair(nodes, place),
        "baresip": lambda: RealPair("baresip, RTP", baresips("plain", "")),
        "SRTP": lambda: RealPair("baresip, SRTP", baresips("sdes", ";mediaenc=srtp-mand")),
        "linphone": lambda: RealPair(
            "linphone, RTP", [Linphone(nodes.identity("udp"), at(f"linphone{n}"), seed=n) for n in (1, 2)]
        ),
        "SIPp": lambda: Crowd(nodes, at("sipp")),
        "SIP.js": lambda: WebPair(nodes, at("page")),
    }
    return [makers[name]() for name in wanted]


def killed(dead: Node, heir: Node) -> None:
    dead.edge.kill()


def stopped(dead: Node, heir: Node) -> None:
    dead.send(signal.SIGSTOP)


def drained(dead: Node, heir: Node) -> None:
    heir.edge.command("drain", dead.name)
    dead.edge.stop()


HOW = {"kill": killed, "stop": stopped, "drain": drained}


class Bench:
    """The rounds, and what was seen in them."""

    def __init__(self, nodes: Nodes, phones: list[Phones], dice: random.Random, how: str) -> None:
        self._nodes = nodes
        self._how = how
        self._pairs = phones
        self._dice = dice
        self.silences: list[float] = []
        self.lost: list[str] = []
        self.calls = 0

    def round(self) -> None:
        dead = self._nodes.holder
        heir = self._nodes.other(dead)
        began = time.time()
        talks = {pair.name: pair.call(self._dice) for pair in self._pairs}
        for talk in talks.values():
            talk.hear()
        with Wiretap() as tap:
            time.sleep(0.5 + self._dice.random() * 2)
            killed_at = time.monotonic()
            HOW[self._how](dead, heir)
            self._nodes.wait(lambda: heir.has_address, "nobody got the address")
            self._hear(talks)
            if self._how == "stop":
                dead.send(signal.SIGCONT)
                time.sleep(_AWAKE_S)
                self._hear(talks)
            gaps = tap.gaps(killed_at)
        self.silences += gaps.values()
        for name, talk in talks.items():
            self._try(name, "cannot be ended", talk.end)
        silences = ", ".join(f"{gap:.2f}" for gap in sorted(gaps.values()))
        print(f"{dead.name} ({self._how}): silent for {silences}; lost so far: {len(self.lost)}", flush=True)
        if self._how != "stop":
            dead.edge.start()
        self._nodes.wait(
            lambda: self._nodes.is_joined(dead) and self._nodes.is_joined(heir), "it does not join again"
        )
        self._nodes.wait(lambda: dead.keepalived.is_ready, "its keepalived does not hear that it is back")
        self._look_up(dead, heir, began, sum(talk.calls for talk in talks.values()))

    def _look_up(self, dead: Node, heir: Node, began: float, calls: int) -> None:
        """Each call is whole in the history of the heir; one that was over by then, in that of who died."""
        rows = [row for node in (heir, dead) for row in node.edge.calls("--since", str(began))]
        told = {row["call_ids"][0] for row in rows if row["ended_how"] == "bye"}
        self.calls += calls
        if len(told) != calls:
            self.lost.append(f"the history has {len(told)} of {calls} calls")

    def _hear(self, talks: dict[str, Talk]) -> None:
        for name, talk in talks.items():
            self._try(name, "is not heard again", talk.hear)

    def _try(self, name: str, what: str, does: Callable[[], None]) -> None:
        try:
            does()
        except AssertionError as error:
            self.lost.append(f"{name}: {what} ({str(error).splitlines()[0]})")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.failover")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--how", choices=HOW, default="kill")
    parser.add_argument("--phones", default="RTP,baresip,SRTP,linphone")
    asked = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    enter_private_network()
    with tempfile.TemporaryDirectory() as place, Nodes(Path(place)) as nodes:
        phones = pairs(nodes, Path(place), asked.phones.split(","))
        bench = Bench(nodes, phones, random.Random(asked.seed), asked.how)
        try:
            for _ in range(asked.kills):
                bench.round()
        finally:
            for pair in phones:
                pair.stop()
    silences = sorted(bench.silences)
    median, longest = statistics.median(silences), silences[-1]
    print("\n| kills | calls | lost | median silence | longest |\n| ---: | ---: | ---: | ---: | ---: |")
    print(f"| {asked.kills} | {bench.calls} | {len(bench.lost)} | {median:.2f} s | {longest:.2f} s |")
    for line in bench.lost:
        print(line)
    return int(bool(bench.lost) or longest >= LONGEST_S or median >= MEDIAN_S)


if __name__ == "__main__":
    sys.exit(main())
