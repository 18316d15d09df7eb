"""Calls of a few seconds: each says little, and many of one place say it all."""

from pathlib import Path

import pytest

from talkpath.capture.reader import Capture
from talkpath.explain.judging.explanation import Explainer, Explanation
from talkpath.explain.judging.finding import Severity
from talkpath.explain.reading.sites import Sites

from .generator.sip import Agent, Call, Proxy
from .generator.wire import EPOCH, Wire

SITES = "address,site\n10.0.0.0/16,a\n10.1.0.0/16,b\n10.2.0.0/16,c\n"
Change = dict[str, object]


def fleet(folder: Path, ill: Change, calls: int = 60, seconds: float = 2.4) -> Explanation:
    """Calls of three sites in turn; what is wrong is wrong at site b."""
    wire = Wire()
    for number in range(calls):
        site = number % 3
        one = Agent(f"{1000 + number}", f"10.{site}.0.{number + 11}", media_port=10_000 + 2 * number)
        two = Agent(f"{3000 + number}", f"10.9.0.{number + 1}", media_port=20_000 + 2 * number)
        call = Call(wire, one, two, [Proxy()], at=EPOCH + number)
        call.invite().ring().answer().ack().talk(seconds, **({"a": ill} if site == 1 else {})).bye()
    path = folder / "fleet.pcap"
    path.write_bytes(wire.pcap())
    capture = Capture([str(path)])
    explainer = Explainer(Sites.parse(SITES))
    explainer.receive(list(capture))
    return explainer.finish(capture.files)


@pytest.mark.parametrize(
    ("code", "ill"),
    [("packet-loss", {"lost": lambda n: n % 25 == 9}), ("digital-silence", {"sound": "silence"})],
    ids=["four packets in a hundred", "silence"],
)
def test_weak_evidence_adds_up_over_a_site(code: str, ill: Change, tmp_path: Path) -> None:
    told = fleet(tmp_path, ill, seconds=2.4 if code == "packet-loss" else 3.4)
    (cause,) = told.common
    assert (cause.code, dict(cause.attributes), cause.bad, cause.bad_elsewhere) == (code, {"site": "b"}, 20, 0)
    severities = {finding.severity for one in told.calls for finding in one.findings}
    assert Severity.ERROR not in severities


def test_short_calls_without_a_fault_share_nothing(tmp_path: Path) -> None:
    told = fleet(tmp_path, {"lost": lambda n: n == 40})
    assert told.common == ()
    assert not [finding for one in told.calls for finding in one.findings]
