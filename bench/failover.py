"""Whole nodes are killed under phones that talk, again and again: how long each phone heard nothing.

    python -m bench.failover --kills 20 --seed 1

Two nodes with keepalived and nats-server, each in a network namespace (needs root); pairs of phones of several kinds:
our own over RTP, baresip over RTP and over SRTP with SDES, linphone. Each round all pairs call, the node that has the
address is killed at a random moment (`kill -9`), both sides must hear each other again, one side hangs up and the
other one must notice, and the heir's history must have each call whole. The silence is measured on the wire, of every
port that heard something before and after. All phones are on UDP: one on TCP is told of a BYE when it has registered
again, which takes as long as it takes it to see that its connection is gone. Exit code 1 where a call was lost, or
where a silence lasted a second.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "live"))

from harness.agent import Agent, connect, hang_up
from harness.baresip import Baresip
from harness.linphone import Linphone
from harness.network import HOME, enter_private_network
from harness.nodes import Nodes, Wiretap
from harness.rtp import Talker
from harness.sound import voice
from harness.talk import Phone, begin, listen

#: No phone may hear nothing for so long; most not for half of it.
LONGEST_S, MEDIAN_S = 1.0, 0.6


class Talk(NamedTuple):
    """A call that runs."""

    #: waits until both sides hear each other (again)
    hear: Callable[[], None]
    #: one side hangs up, the other one notices
    end: Callable[[], None]


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


def pairs(nodes: Nodes, place: Path) -> list[OwnPair | RealPair]:
    def at(name: str) -> Path:
        made = place / name
        made.mkdir()
        return made

    def baresips(kind: str, account: str) -> list[Baresip]:
        return [Baresip(nodes.identity(), at(f"{kind}{n}"), seed=n, account=account) for n in (1, 2)]

    return [
        OwnPair(nodes, place),
        RealPair("baresip, RTP", baresips("plain", "")),
        RealPair("baresip, SRTP", baresips("sdes", ";mediaenc=srtp-mand")),
        RealPair("linphone, RTP", [Linphone(nodes.identity("udp"), at(f"linphone{n}"), seed=n) for n in (1, 2)]),
    ]


class Bench:
    """The rounds, and what was seen in them."""

    def __init__(self, nodes: Nodes, phones: list[OwnPair | RealPair], dice: random.Random) -> None:
        self._nodes = nodes
        self._pairs = phones
        self._dice = dice
        self.silences: list[float] = []
        self.lost: list[str] = []

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
            dead.edge.kill()
            self._nodes.wait(lambda: heir.has_address, "nobody got the address")
            for name, talk in talks.items():
                self._try(name, "is not heard again", talk.hear)
            gaps = tap.gaps(killed_at)
        self.silences += gaps.values()
        for name, talk in talks.items():
            self._try(name, "cannot be ended", talk.end)
        told = [row for row in heir.edge.calls("--since", str(began)) if row["ended_how"] == "bye"]
        if len(told) != len(talks):
            self.lost.append(f"the history has {len(told)} of {len(talks)} calls")
        print(
            f"{dead.name} killed: silent for " + ", ".join(f"{gap:.2f}" for gap in sorted(gaps.values())), flush=True
        )
        dead.edge.start()
        self._nodes.wait(
            lambda: self._nodes.is_joined(dead) and self._nodes.is_joined(heir), "it does not join again"
        )
        self._nodes.wait(lambda: dead.keepalived.is_ready, "its keepalived does not hear that it is back")

    def _try(self, name: str, what: str, does: Callable[[], None]) -> None:
        try:
            does()
        except AssertionError as error:
            self.lost.append(f"{name}: {what} ({str(error).splitlines()[0]})")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.failover")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    enter_private_network()
    with tempfile.TemporaryDirectory() as place, Nodes(Path(place)) as nodes:
        phones = pairs(nodes, Path(place))
        bench = Bench(nodes, phones, random.Random(asked.seed))
        try:
            for _ in range(asked.kills):
                bench.round()
        finally:
            for pair in phones:
                pair.stop()
    silences = sorted(bench.silences)
    median, longest = statistics.median(silences), silences[-1]
    print("\n| kills | calls | lost | median silence | longest |\n| ---: | ---: | ---: | ---: | ---: |")
    print(f"| {asked.kills} | {asked.kills * len(phones)} | {len(bench.lost)} | {median:.2f} s | {longest:.2f} s |")
    for line in bench.lost:
        print(line)
    return int(bool(bench.lost) or longest >= LONGEST_S or median >= MEDIAN_S)


if __name__ == "__main__":
    sys.exit(main())
