"""What a decision costs: a script beside none, and beside Kamailio whose decisions are in Python too (KEMI).

Both look a number up, pick a gateway of a set, set two header fields, and go on with the next gateway at 503. Calls
are those of `signalling.py`, without SDP, so that no media is touched on either side. All rows take turns, round
after round, and what is told is the median: hours and neighbours of one machine differ by more than some rows do.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import cpu_s
from bench.servers import HERE, Kamailio, Server, Talkpath
from bench.signalling import CALLED, CALLER_PORT, SERVER_PORT, called_phone, must_be_good
from bench.sipp import NO_BODY, Load, Sipp

NUMBER = "49300007"
ROUNDS, CALLS, WARM_UP_CALLS = 5, 3_000, 1_000
# One rate for every row, at which a call that is sent twice brings neither server to its end.
RATE = 250
# A server whose start goes on behind (gateways are looked up at a pace) has settled when it takes less of a core.
SETTLED_SHARE, LONGEST_START_S = 0.02, 60.0
FIRST_PORT, SECOND_PORT = 17_062, 17_063
MANY = 10_000

Start = Callable[[Path], Server]


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what is measured, how it is started (None: it is not), whether a gateway without room comes first."""

    what: str
    kamailio: Start | None
    talkpath: Start
    is_full: bool = False
    user: str = NUMBER


def _gateways(ports: Sequence[int], others: int = 0) -> str:
    """Gateways by priority; the others are in the group and never get a call."""
    rows = [(f"gw{port}", f"127.0.0.1:{port}", at) for at, port in enumerate(ports, 1)]
    rows += [(f"other{at}", f"127.1.{at >> 8}.{at & 255}:5060", len(ports) + 1) for at in range(others)]
    quiet = "probe_s = 0\nbroken_after = 1000000\n"
    return "".join(
        f'[[gateways]]\nname = "{name}"\ngroup = "carriers"\naddress = "{address}"\npriority = {at}\n{quiet}'
        for name, address, at in rows
    )


def _talkpath(script: str = "", ports: Sequence[int] = (), others: int = 0) -> Start:
    def start(directory: Path) -> Server:
        routing = f'[routing]\nscript = "{HERE / "peers" / script}"\n' if script else ""
        return Talkpath(directory, SERVER_PORT, False, [CALLED], more=routing + _gateways(ports, others))

    return start


def _kamailio(ports: Sequence[int]) -> Start:
    def start(directory: Path) -> Server:
        rows = [f"1 sip:127.0.0.1:{port} 0 {100 - at}" for at, port in enumerate(ports)]
        (directory / "dispatcher.list").write_text("\n".join(rows) + "\n")
        (directory / "kemi.py").write_text((HERE / "peers" / "kemi.py").read_text())
        return Kamailio(directory, SERVER_PORT, False, "kamailio-kemi.cfg")

    return start


ROWS = [
    Row("call to a user, no script", None, _talkpath(), user=CALLED),
    Row("call to a user, trivial script", None, _talkpath("trivial_script.py"), user=CALLED),
    Row("call to a gateway", _kamailio([SECOND_PORT]), _talkpath("routing_script.py", [SECOND_PORT])),
    Row(
        "call to a gateway, the first answers 503",
        _kamailio([FIRST_PORT, SECOND_PORT]),
        _talkpath("routing_script.py", [FIRST_PORT, SECOND_PORT]),
        is_full=True,
    ),
    Row(f"call to a gateway of {MANY:,}", None, _talkpath("routing_script.py", [SECOND_PORT], MANY)),
]


def main() -> None:
    """Measure every row, round after round, and print the table as Markdown."""
    taken: dict[tuple[str, str], list[float]] = {}
    for number in range(1, ROUNDS + 1):
        for row in ROWS:
            for name, start in (("kamailio", row.kamailio), ("talkpath", row.talkpath)):
                if start is not None:
                    print(f"  round {number} of {ROUNDS}: {name}, {row.what}", file=sys.stderr)
                    taken.setdefault((row.what, name), []).extend(_figures(name, row, start))
    print("| routing | unit | kamailio KEMI | talkpath | ratio |\n| --- | --- | ---: | ---: | ---: |")
    for row in ROWS:
        figures = [taken.get((row.what, name)) for name in ("kamailio", "talkpath")]
        theirs, ours = (statistics.median(one) if one else None for one in figures)
        ratio = f"{ours / theirs:.2f}" if theirs and ours else "-"
        shown = " | ".join("-" if figure is None else f"{figure:,.0f}" for figure in (theirs, ours))
        print(f"| {row.what} | µs CPU | {shown} | {ratio} |", flush=True)


def _figures(name: str, row: Row, start: Start) -> list[float]:
    """What a call costs, one figure; none where the run was no good."""
    try:
        return [_cost(row, start)]
    except (RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
        print(f"  {name}: {error}", file=sys.stderr)
        return []


def _cost(row: Row, start: Start) -> float:
    """Microseconds of CPU for one call."""
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name, ExitStack() as stack:
        server = start(Path(name))
        stack.callback(server.stop)
        _settle(server)
        sipp = Sipp(Path(name), server.port)
        if row.user == CALLED:
            stack.enter_context(called_phone(sipp, NO_BODY))
        else:
            stack.enter_context(_carriers(sipp, row.is_full))
        must_be_good(sipp.call(CALLER_PORT, row.user, Load(WARM_UP_CALLS, RATE)))
        before = cpu_s(server.pid)
        result = must_be_good(sipp.call(CALLER_PORT, row.user, Load(CALLS, RATE)))
        return (cpu_s(server.pid) - before) / result.good * 1e6


def _settle(server: Server) -> None:
    """Wait until a server has started altogether."""
    deadline = time.monotonic() + LONGEST_START_S
    spent, share = cpu_s(server.pid), 1.0
    while share > SETTLED_SHARE and time.monotonic() < deadline:
        time.sleep(1)
        before, spent = spent, cpu_s(server.pid)
        share = spent - before


@contextmanager
def _carriers(sipp: Sipp, is_full: bool) -> Iterator[None]:
    carriers = [sipp.answer(SECOND_PORT)] + ([sipp.answer(FIRST_PORT, scenario="uas_503")] if is_full else [])
    try:
        yield
    finally:
        for carrier in carriers:
            carrier.terminate()
            carrier.wait()
