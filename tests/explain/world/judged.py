"""What is said of worlds against what was planned; `python -m tests.explain.world.judged SEEDS` prints the table."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from talkpath.capture.reader import Capture
from talkpath.explain.judging.explanation import Explainer
from talkpath.explain.judging.finding import Finding, Severity
from talkpath.explain.telling.measured import BANDS

from .network import Network
from .phones import Habits, Phone
from .plan import CALLEE, CALLER, Plan, World
from .plans import PLANS
from .proxies import Proxy

PROXY = "10.0.0.1"
AFTER_S = 45.0
OF_MEDIA = frozenset(
    ("packet-loss", "jitter", "one-way-rtp", "media-cut", "digital-silence", "near-silence", "media-late")
) | {"clock-drift", "ptime-mismatch", "dtmf-mismatch", "media-astray"}
# Where captures are taken: at the proxy, or beside a phone.
PLACES = (PROXY, CALLER, CALLEE)


@dataclass(frozen=True)
class Said:
    """A finding, the plan of its world, and whether it is about the call that the plan is about, and right."""

    plan: Plan
    finding: Finding
    is_right: bool


def captured(plan: Plan, seed: int) -> tuple[bytes, str]:
    """A world's capture, and the Call-ID of the call that its plan is about ("" where it made none)."""
    dice = Random(f"{plan.name} {seed}")
    place = dice.choice([one for one in PLACES if one != plan.beyond])
    net = Network(dice, {place})
    world = World(net)
    plan.change(world)
    if plan.codes & OF_MEDIA and place == PROXY:
        world.manners.relays = True  # else it would not be seen there
    proxy = world.proxy = Proxy(net, PROXY, world.manners)
    one = Phone(net, "1001", CALLER, proxy.at, world.caller, world.caller_public)
    two = Phone(net, "1002", CALLEE, proxy.at, world.callee, world.callee_public)
    world.phones = one, two
    start = net.now
    for phone in (one, two):
        net.at(start + dice.uniform(0, 1), lambda phone=phone: phone.register(proxy.at))
    others = _others(net, proxy, start, dice)
    net.run(start + 2)
    for prepare in world.before:
        prepare(world)
    call_id = one.call(world.number, world.talk_s, world.gives_up_s)
    for seconds, change in world.during:
        net.at(start + 2 + seconds, lambda change=change: change(world, one.dialogs[call_id]))
    if world.callee_hangs_up_s:
        net.at(net.now + 2 + world.callee_hangs_up_s, lambda: two.hang_up(two.dialogs[call_id]))
    net.run(start + 2 + world.talk_s + AFTER_S)
    assert others
    return net.wire.pcap(), call_id


def _others(net: Network, proxy: Proxy, start: float, dice: Random) -> list[Phone]:
    """A healthy call of other phones beside it, at the same proxy."""
    three = Phone(net, "1003", "10.3.0.13", proxy.at, Habits())
    four = Phone(net, "1004", "10.4.0.14", proxy.at, Habits())
    for phone in (three, four):
        net.at(start + dice.uniform(0, 1), lambda phone=phone: phone.register(proxy.at))
    net.at(start + 1.5 + dice.uniform(0, 3), lambda: three.call("1004", dice.uniform(5, 15)))
    return [three, four]


def judged(plan: Plan, seed: int, folder: Path) -> tuple[list[Said], bool]:
    """What is said above a note, and whether the fault was named at all."""
    pcap, call_id = captured(plan, seed)
    path = folder / "world.pcap"
    path.write_bytes(pcap)
    capture, explainer = Capture([str(path)]), Explainer()
    for batch in capture.batches():
        explainer.receive(batch)
    told = explainer.finish(capture.files)
    said = [Said(plan, one, one.code in plan.codes) for one in told.findings]
    for call in told.calls:
        is_planned = call_id in call.call.call_ids
        may_be = is_planned or plan.everywhere
        said += [Said(plan, one, may_be and one.code in plan.codes) for one in call.findings]
    above = [one for one in said if one.finding.severity is not Severity.NOTE]
    return above, any(one.is_right for one in above)


def worlds(seeds: Iterable[int]) -> Iterator[tuple[Plan, int]]:
    return ((plan, seed) for seed in seeds for plan in PLANS)


def main(seeds: int) -> None:
    rows: dict[float, list[bool]] = defaultdict(list)
    named: dict[str, list[bool]] = defaultdict(list)
    healthy = false = 0
    with TemporaryDirectory() as folder:
        for plan, seed in worlds(range(seeds)):
            said, is_named = judged(plan, seed, Path(folder))
            errors = [one for one in said if one.finding.severity is Severity.ERROR]
            if plan.codes:
                named[plan.name].append(is_named)
            else:
                healthy, false = healthy + 1, false + len(errors)
            for one in errors:
                confidence = one.finding.found.confidence
                rows[next(band for band in BANDS if confidence >= band)].append(one.is_right)
                if not one.is_right:
                    print("wrong:", plan.name, seed, one.finding.code, confidence)
    for name, hits in named.items():
        print(f"{sum(hits):3} of {len(hits):3} named  {name}")
    for band in BANDS:
        print(f"confidence {band:.2f} and above: {sum(rows[band])} of {len(rows[band])} errors right")
    print(f"{seeds * len(PLANS)} captures, {healthy} of them healthy, with {false} errors")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
