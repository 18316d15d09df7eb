"""Calls outlive the process, also when it is killed; and what a bad row or a bad file costs."""

import sqlite3
import threading
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from talkpath.base import limits
from talkpath.base.address import Address
from talkpath.base.errors import Malformed, Unavailable
from talkpath.base.readable import readable
from talkpath.calls.build import call_of
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Moment, Result, Side, Summary
from talkpath.calls.trace import pack_second
from talkpath.capture.records import Second
from talkpath.store import schema
from talkpath.store.accounts import Accounts
from talkpath.store.blob import unpacked
from talkpath.store.embedded import EmbeddedStore
from talkpath.store.history import HistoryReader, HistoryWriter, Retention, Wanted
from talkpath.store.writer import Writer

from ..calls.talk import PHONE
from .kept import PHONE_UDP, PHONE_WSS, Registered, Running, trace

Store = EmbeddedStore[Registered]


# --- calls


def test_a_call_is_found_by_what_a_list_shows_and_read_whole(store: Store, file: Path) -> None:
    traces = [
        trace(1, 1000.0),
        trace(2, 2000.0, caller="1_0%1"),
        trace(3, 3000.0, status=486),
    ]
    for one in traces:
        store.history.save(one)
    assert store.writer.flush()
    reader = HistoryReader(file)
    assert [row.call_id for row in reader.find(Wanted())] == ["3@x", "2@x", "1@x"]
    assert [row.call_id for row in reader.find(Wanted(since=1500.0, until=2500.0))] == ["2@x"]
    assert [row.call_id for row in reader.find(Wanted(result=Result.BUSY))] == ["3@x"]
    assert [row.call_id for row in reader.find(Wanted(number="_0%"))] == ["2@x"]
    assert [row.call_id for row in reader.find(Wanted(limit=1))] == ["3@x"]
    (row,) = reader.find(Wanted(number="1001", until=1500.0))
    assert (row.result, row.ended_by, row.talk_s) == (Result.ANSWERED, Side.CALLER, 7.0)
    (again,) = reader.named(row.id[:6])
    for part in ("live", "moments", "seconds", "payload_types", "ended_at", "ended_by", "ended_how", "call_ids"):
        assert getattr(again, part) == getattr(traces[0], part)
    assert call_of(again).streams == call_of(traces[0]).streams
    assert reader.named("1@x")[0].call_ids == ["1@x"]
    assert reader.named("nobody@x") == []
    reader.close()


def test_who_reads_no_further_leaves_without_a_word(file: Path, store: Store) -> None:
    """As `talkpath calls --json | head` does."""
    for number in range(3):
        store.history.save(trace(number))
    assert store.writer.flush()
    reader = HistoryReader(file)
    rows = reader._read("SELECT call_id FROM calls", ())
    assert isinstance(rows, Generator)
    next(rows)
    reader.close()
    rows.close()


def test_what_is_too_old_or_too_much_goes(file: Path) -> None:
    writer = Writer(file)
    history = HistoryWriter(writer, Retention(days=1.0, calls=2))
    for number in range(5):
        history.save(trace(number, 1000.0 + number * 50_000))
        assert writer.flush() or number % 2
    history.sweep(220_000.0)
    assert writer.flush()
    reader = HistoryReader(file)
    assert [row.call_id for row in reader.find(Wanted())] == ["4@x", "3@x"]
    assert [one.call_ids for one in reader.named("3@x")] == [["3@x"]]
    writer.close()
    reader.close()
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT count(*) FROM pages").fetchone() == (2,)
    database.close()


def test_calls_that_end_together_share_a_page_and_each_is_found(file: Path, store: Store) -> None:
    for number in range(40):
        store.history.save(trace(number))
    assert store.writer.flush()
    reader = HistoryReader(file)
    assert [reader.named(f"{number}@x")[0].call_ids for number in (0, 31, 39)] == [["0@x"], ["31@x"], ["39@x"]]
    reader.close()


def test_a_disk_that_does_not_keep_up_costs_calls_and_no_memory(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STORE_QUEUE", 3)
    entered, release = threading.Event(), threading.Event()

    def stuck(database: sqlite3.Connection) -> None:
        entered.set()
        release.wait(10)

    store.writer.write(stuck)
    assert entered.wait(10)
    for number in range(5):
        store.history.save(trace(number))
    assert store.history.dropped == 2
    release.set()
    assert store.writer.flush()
    reader = HistoryReader(file)
    assert reader.count() == 3
    reader.close()


def _listed(file: Path, *, is_edge_running: bool = False) -> list[Summary]:
    reader = HistoryReader(file, is_edge_running=is_edge_running)
    rows = list(reader.find(Wanted()))
    reader.close()
    return rows


def _row(file: Path) -> tuple[Result, float | None, str, float | None]:
    (row,) = _listed(file)
    return row.result, row.ended_at, row.ended_how, row.talk_s


def test_a_call_that_runs_when_the_node_dies_ended_when_it_was_last_alive(file: Path, store: Store) -> None:
    running = Running()
    store.history.keep(running.ledger.to_keep(), 1001.0)
    running.says(1002.0, running.talk.answer(200))
    store.history.keep(running.ledger.to_keep(), 1003.0)
    store.history.keep(running.ledger.to_keep(), 1007.0)
    assert store.writer.flush()
    assert _row(file) == (Result.ANSWERED, 1007.0, "node-died", 5.0)
    assert _listed(file, is_edge_running=True) == []
    store.close()
    again: Store = EmbeddedStore(file, Registered)
    again.history.keep([], 2000.0)
    again.history.keep(Running(2000.0).ledger.to_keep(), 2001.0)
    assert again.writer.flush()
    (row,) = _listed(file, is_edge_running=True)
    assert (row.start, row.ended_at, row.talk_s) == (1000.0, 1007.0, 5.0)
    reader = HistoryReader(file)
    (kept,) = [one for one in reader.named("1@x", 5) if one.start == 1000.0]
    assert (call_of(kept).ended_at, call_of(kept).talk_s) == (1007.0, 5.0)
    reader.close()
    again.close()


def test_a_call_that_another_process_goes_on_with_stays_one_call(file: Path, store: Store) -> None:
    running = Running()
    running.says(1001.0, running.talk.answer(200))
    store.history.keep(running.ledger.to_keep(), 1002.0)
    (trace,) = running.ledger.to_keep()
    seen = trace.standing(1002.0)
    store.close()
    again: Store = EmbeddedStore(file, Registered)
    again.history.close_left_open()
    ledger = Ledger()
    ledger.resumed(1003.0, seen)
    ledger.begun(seen.call_ids[0])
    again.history.keep(ledger.to_keep(), 1004.0)
    ledger.ended(1009.0, seen.call_ids[0], Side.CALLER, "bye")
    again.history.keep(ledger.to_keep(), 1010.0)
    assert again.writer.flush()
    assert [(row.ended_how, row.talk_s) for row in _listed(file)] == [("bye", 8.0)]
    again.close()


def test_a_call_that_another_node_had_in_between_stays_one_call(file: Path, store: Store) -> None:
    running = Running()
    running.says(1001.0, running.talk.answer(200))
    (trace,) = running.ledger.to_keep()
    seen = trace.standing(1002.0)
    running.ledger.ended(1003.0, trace.call_ids[0], Side.SERVER, "went-over")
    store.history.save(trace)
    assert store.writer.flush()
    assert [row.ended_how for row in _listed(file)] == ["went-over"]
    ledger = Ledger()
    ledger.resumed(1006.0, seen)
    ledger.begun(seen.call_ids[0])
    (again,) = ledger.to_keep()
    ledger.ended(1009.0, seen.call_ids[0], Side.CALLER, "bye")
    store.history.save(again)
    assert store.writer.flush()
    assert [(row.ended_how, row.talk_s) for row in _listed(file)] == [("bye", 8.0)]
    reader = HistoryReader(file)
    assert len(reader.named("1@x", 5)) == 1
    reader.close()
    store.close()


def test_a_call_that_rang_when_the_node_died_failed(file: Path, store: Store) -> None:
    running = Running()
    running.says(1000.2, running.talk.answer(180))
    store.history.keep(running.ledger.to_keep(), 1001.5)
    assert store.writer.flush()
    assert _row(file) == (Result.FAILED, 1001.5, "node-died", None)


def test_a_call_that_was_kept_while_it_ran_is_there_once_when_it_ended(file: Path, store: Store) -> None:
    running = Running()
    store.history.keep(running.ledger.to_keep(), 1001.0)
    assert store.writer.flush()
    running.says(1002.0, running.talk.answer(200))
    store.history.keep(running.ledger.to_keep(), 1003.0)
    store.history.save(running.ends(1009.0))
    assert store.writer.flush()
    assert _row(file) == (Result.ANSWERED, 1009.0, "bye", 7.0)
    database = sqlite3.connect(file)
    assert database.execute("SELECT count(*) FROM pages").fetchone() == (1,)
    database.close()


def test_a_call_in_which_nothing_is_said_is_compressed_until_somebody_speaks(file: Path, store: Store) -> None:
    running = Running()
    running.says(1000.1, running.talk.answer(200))
    (trace,) = running.ledger.to_keep()
    said, seen = trace.live, []
    for second in range(1, 30):
        store.history.keep(running.ledger.to_keep(), 1000.0 + second)
        seen.append(trace.is_settled)
    assert seen == [False] * 10 + [True] * 19
    store.history.save(running.ends(1030.0))
    assert store.writer.flush()
    reader = HistoryReader(file)
    (again,) = reader.named("1@x")
    reader.close()
    assert again.live[: len(said)] == said
    assert _row(file) == (Result.ANSWERED, 1030.0, "bye", pytest.approx(29.9))


def test_a_call_that_just_ended_survives_a_kill_too_and_is_written_once(file: Path, store: Store) -> None:
    running = Running()
    running.says(1000.1, running.talk.answer(200))
    running.ledger.ended(1000.5, running.talk.call_id, Side.CALLER, "bye")
    store.history.keep(running.ledger.to_keep(), 1000.6)
    assert store.writer.flush()
    assert _row(file) == (Result.ANSWERED, 1000.5, "bye", pytest.approx(0.4))
    with sqlite3.connect(file) as database:
        pages = database.execute("SELECT max(page) FROM pages").fetchone()
        running.ledger.expire(1010.0)
        store.history.save(running.ledger.drain()[0])
        assert store.writer.flush()
        assert database.execute("SELECT max(page) FROM pages").fetchone() == pages
    database.close()


def test_a_young_call_and_one_that_says_nothing_new_are_not_written(file: Path, store: Store) -> None:
    running = Running()
    store.history.keep(running.ledger.to_keep(), 1000.9)
    assert store.writer.flush()
    assert _listed(file) == []
    written: set[float] = set()
    for tick in range(1, 100):
        now = 1000.0 + tick
        second = Second(now, 50, 0, 0, 0.1, 20, -30.0, 0, 0, 0, 0, 8000)
        running.ledger.media(
            now, running.talk.call_id, (PHONE, Address("192.0.2.1", 30000), 7), pack_second(second), 8
        )
        store.history.keep(running.ledger.to_keep(), now)
        written.add(store.history._kept[1].at)
    assert 5 < len(written) < 12


def test_a_damaged_trace_is_malformed() -> None:
    with pytest.raises(Malformed, match="cannot be read"):
        unpacked(b"garbage")


# --- what strangers write

ODD = "\udcff\udc80\x00\x1b[31m\u202e\udce9"


def test_a_call_with_bytes_that_are_no_text_is_kept_whole_and_costs_its_neighbours_nothing(
    file: Path, store: Store
) -> None:
    odd = trace(1, caller=f"10{ODD}1")
    odd.call_ids = [f"1{ODD}@x"]
    odd.add_moment(1001.0, "route.user", {"user": ODD})
    traces = [trace(0), odd, trace(2)]
    for one in traces:
        store.history.save(one)
    assert store.writer.flush()
    assert store.writer.dropped == 0
    reader = HistoryReader(file)
    assert {row.call_id for row in reader.find(Wanted())} == {"0@x", f"1{readable(ODD)}@x", "2@x"}
    (again,) = reader.named(f"1{readable(ODD)}@x")
    reader.close()
    assert again.call_ids == odd.call_ids
    assert again.live == odd.live
    assert again.moments[-1].values == {"user": readable(ODD)}


def test_a_call_that_cannot_be_written_costs_only_itself(
    file: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    bad = trace(1)
    bad.moments = [Moment(1001.0, "route.user", {"user": object()})]  # type: ignore[dict-item]
    for one in (trace(0), bad, trace(2)):
        store.history.save(one)
    store.bindings.save_binding(PHONE_UDP)
    assert store.writer.flush()
    assert store.counters() == {"left_out": 1, "calls_dropped": 0, "transactions_refused": 0}
    assert len([record for record in caplog.records if "left out" in record.message]) == 1
    reader = HistoryReader(file)
    assert {row.call_id for row in reader.find(Wanted())} == {"0@x", "2@x"}
    reader.close()
    assert store.bindings.load(1000.0) == [PHONE_UDP]


def test_a_contact_of_odd_bytes_comes_back_as_it_was(store: Store) -> None:
    odd = replace(PHONE_UDP, contact=f"sip:{ODD}@192.0.2.11")
    store.bindings.save_binding(PHONE_WSS)
    store.bindings.refresh_binding(odd)
    store.bindings.keep_refreshed()
    assert store.writer.flush()
    assert store.writer.dropped == 0
    assert {binding.contact for binding in store.bindings.load(1000.0)} == {odd.contact, PHONE_WSS.contact}


# --- trouble


def test_a_refused_transaction_loses_no_registration(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.store.writer.RETRY_S", 0.01)
    store = EmbeddedStore(file, Registered)
    refusals = iter([sqlite3.OperationalError("disk I/O error")])

    def fails_once(database: sqlite3.Connection) -> None:
        for error in refusals:
            raise error

    store.writer.write(fails_once)
    store.bindings.save_binding(PHONE_UDP)
    assert store.writer.flush()
    assert store.writer.failures == 1
    assert store.bindings.load(1000.0) == [PHONE_UDP]
    store.close()


def test_one_bad_item_does_not_stop_the_others(store: Store) -> None:
    store.writer.write(lambda database: {}["missing"])
    store.bindings.save_binding(PHONE_UDP)
    assert store.writer.flush()
    assert store.writer.dropped == 1
    assert store.bindings.load(1000.0) == [PHONE_UDP]


def test_what_the_database_itself_refuses_is_left_out_and_undone(store: Store) -> None:
    def half(database: sqlite3.Connection) -> None:
        database.execute("INSERT INTO counters VALUES ('half', 1)")
        database.execute("INSERT INTO counters VALUES ('half', NULL)")

    store.writer.write(half)
    store.bindings.save_binding(PHONE_UDP)
    assert store.writer.flush()
    assert (store.writer.dropped, store.writer.failures) == (1, 0)
    assert store.bindings.load(1000.0) == [PHONE_UDP]
    database = sqlite3.connect(store.path)
    assert database.execute("SELECT * FROM counters WHERE name = 'half'").fetchall() == []
    database.close()


def test_the_file_of_a_newer_talkpath_is_not_touched(file: Path) -> None:
    database = sqlite3.connect(file)
    database.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    database.close()
    with pytest.raises(Unavailable, match="install the newer one"):
        Accounts(file)


def test_a_file_that_is_no_database_says_so(file: Path) -> None:
    file.write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(Unavailable, match="it is damaged"):
        Accounts(file)
