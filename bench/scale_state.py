"""States of a node that were long in the making: registrations and past calls, written as the edge writes them."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from talkpath.base.address import Address, Flow, Transport
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Side
from talkpath.edge.registrar.binding import Binding
from talkpath.store.embedded import EmbeddedStore
from talkpath.store.history import Retention

# Handed over at a time, so that none is left out because the disk does not keep up. A million calls fit into a day.
_PORTION = 5_000


def filled(state: Path, port: int, *, registrations: int = 0, calls: int = 0) -> None:
    """Make the state of a node at that port that holds so much."""
    state.mkdir(mode=0o700)
    store = EmbeddedStore(state / "talkpath.sqlite", Binding, Retention(calls=calls + 1))
    for first in range(0, registrations, _PORTION):
        for number in range(first, min(first + _PORTION, registrations)):
            store.bindings.save_binding(_binding(number, port))
        store.writer.flush(60.0)
    made, began = min(calls, _PORTION), time.time() - 86_400
    ledger = Ledger()
    for number in range(made):
        _call(ledger, number, began + number / 20)
    ledger.close_all(began)
    for trace in ledger.drain():
        store.history.save(trace)
    store.close()
    if made:
        _multiply(state / "talkpath.sqlite", made, calls // made)


def _multiply(file: Path, calls: int, times: int) -> None:
    """The same calls again and again, each time later: to write a million by one would take minutes."""
    with closing(sqlite3.connect(file)) as database, database:
        names = [name for _, name, *_ in database.execute("PRAGMA table_info(calls)")]
        (pages,) = database.execute("SELECT max(page) FROM pages").fetchone()
        for again in range(1, times):
            later = f"{again * calls / 20}"
            shift = {"number": again * calls, "page": again * pages, "start": later, "ended_at": later}
            shifted = ", ".join(f"{name} + {shift[name]}" if name in shift else name for name in names)
            database.execute(f"INSERT INTO calls SELECT {shifted} FROM calls WHERE number <= {calls}")
            database.execute(
                f"INSERT INTO pages SELECT page + {again * pages}, calls, traces FROM pages WHERE page <= {pages}"
            )


def _binding(number: int, port: int) -> Binding:
    user, now = f"idle{number}", time.time()
    flow = Flow(Transport.UDP, Address("127.0.0.1", port), Address("127.0.0.3", 1024 + number % 60_000))
    contact = f"sip:{user}@{flow.remote}"
    return Binding(user, ("", contact), contact, "", flow, f"{number}@127.0.0.3", 1, now + 3_600, now)


def _call(ledger: Ledger, number: int, at: float) -> None:
    """Four messages of a call that was answered and hung up."""
    call_id, flow = f"{number}@bench", Flow(Transport.UDP, Address("192.0.2.1", 5060), Address("192.0.2.9", 5060))
    rest = f"Call-ID: {call_id}\r\nContent-Length: 0\r\n\r\n"
    names = f"From: <sip:{number % 9_000}@192.0.2.1>;tag=a\r\nTo: <sip:{number % 7_000}@192.0.2.1>"
    via = f"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{number}\r\n"
    start = f"INVITE sip:{number % 7_000}@192.0.2.1 SIP/2.0\r\n{via}{names}\r\nCSeq: 1 INVITE\r\n{rest}"
    ledger.written(at, flow, call_id, start.encode(), sent=False)
    ledger.written(
        at + 2, flow, call_id, f"SIP/2.0 200 OK\r\n{via}{names};tag=b\r\nCSeq: 1 INVITE\r\n{rest}".encode()
    )
    ledger.ended(at + 60, call_id, Side.CALLER, "bye")
