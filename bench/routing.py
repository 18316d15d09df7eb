"""What a decision costs: a script beside none, and beside Kamailio whose decisions are in Python too (KEMI).

Both look a number up, pick a gateway of a set, set two header fields, and go on with the next gateway at 503. Calls
are those of `signalling.py`, without SDP, so that no media is touched on either side.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import cpu_s
from bench.servers import HERE, Kamailio, Server, Talkpath
from bench.signalling import CALL_RATE, CALLED, CALLER_PORT, SERVER_PORT, called_phone, must_be_good
from bench.sipp import NO_BODY, Load, Sipp

NUMBER = "49300007"
CALLS, WARM_UP_CALLS = 8_000, 2_000
# Rates of a call that is sent twice, so that neither server is at its end.
FAILOVER_RATE = 250
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
    """Measure every row and print the table as Markdown."""
    print("| routing | unit | kamailio KEMI | talkpath | ratio |\n| --- | --- | ---: | ---: | ---: |")
    for row in ROWS:
        theirs = _figure(row, "kamailio", row.kamailio) if row.kamailio is not None else None
        ours = _figure(row, "talkpath", row.talkpath)
        ratio = f"{ours / theirs:.2f}" if theirs and ours else "-"
        shown = " | ".join("-" if figure is None else f"{figure:,.0f}" for figure in (theirs, ours))
        print(f"| {row.what} | µs CPU | {shown} | {ratio} |", flush=True)


def _figure(row: Row, name: str, start: Start) -> float | None:
    print(f"  measuring {name}: {row.what}", file=sys.stderr)
    try:
        return _cost(row, start)
    except (RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
        print(f"  {name}: {error}", file=sys.stderr)
        return None


def _cost(row: Row, start: Start) -> float:
    """Microseconds of CPU for one call."""
    rate = FAILOVER_RATE if row.is_full else CALL_RATE
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name, ExitStack() as stack:
        server = start(Path(name))
        stack.callback(server.stop)
        sipp = Sipp(Path(name), server.port)
        if row.user == CALLED:
            stack.enter_context(called_phone(sipp, NO_BODY))
        else:
            stack.enter_context(_carriers(sipp, row.is_full))
        must_be_good(sipp.call(CALLER_PORT, row.user, Load(WARM_UP_CALLS, rate)))
        before = cpu_s(server.pid)
        result = must_be_good(sipp.call(CALLER_PORT, row.user, Load(CALLS, rate)))
        return (cpu_s(server.pid) - before) / result.good * 1e6


@contextmanager
def _carriers(sipp: Sipp, is_full: bool) -> Iterator[None]:
    carriers = [sipp.answer(SECOND_PORT)] + ([sipp.answer(FIRST_PORT, scenario="uas_503")] if is_full else [])
    try:
        yield
    finally:
        for carrier in carriers:
            carrier.terminate()
            carrier.wait()
