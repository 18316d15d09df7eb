"""Lists of a hundred thousand calls are printed as they are read, and nobody holds them all."""

import tracemalloc
from collections.abc import Iterator
from typing import cast

import msgspec
import pytest

from talkpath.app.calls.own import _oldest_first
from talkpath.app.console.rows import print_json, print_json_rows
from talkpath.calls.facts import facts_of_summary
from talkpath.calls.model import Result, Side, Summary
from talkpath.store.history import History, Wanted


def row(number: int, start: float, status: int = 200) -> Summary:
    return Summary(
        id=f"{number:012}",
        call_id=f"{number}@x",
        start=start,
        caller="1001",
        callee="1002",
        source="192.0.2.1",
        result=Result.ANSWERED,
        status=status,
        reason="OK",
        ring_s=0.5,
        answer_s=1.0,
        talk_s=2.0,
        ended_at=start + 3.0,
        ended_by=Side.CALLER,
        ended_how="bye",
    )


class Past:
    """A history of calls that are made when they are read."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = numbers

    def find(self, wanted: Wanted, *, oldest_first: bool = False) -> Iterator[Summary]:
        numbers = self._numbers if oldest_first else tuple(reversed(self._numbers))[: wanted.limit]
        return (row(n, n // 2 * 1.0) for n in numbers if wanted.since is None or n // 2 >= wanted.since)


def listed(limit: int, running: list[Summary], *pasts: Past) -> list[int]:
    histories = cast(list[History], list(pasts))
    return [int(one.id) for one in _oldest_first(histories, running, Wanted(limit=limit))]


def test_the_latest_of_all_come_once_and_in_the_order_of_time() -> None:
    shared, own = Past(*range(0, 20, 2)), Past(*range(4, 24))
    running = [row(22, 11.0, status=100), row(30, 9.5)]
    assert listed(1_000, running, shared, own) == [0, 2, *range(4, 20), 30, 20, 21, 22, 23]
    for limit in range(1, 24):
        assert len(listed(limit, running, shared, own)) == min(limit, 23)
    assert listed(6, running, shared, own)[1:] == [30, 20, 21, 22, 23]
    assert listed(5, [], Past()) == []
    (found,) = [one for one in _oldest_first([cast(History, own)], running, Wanted()) if one.id.endswith("22")]
    assert found.status == 100


def test_json_is_the_same_whether_it_is_printed_at_once_or_as_it_is_read(capsysbinary: pytest.CaptureFixture) -> None:
    for count in range(3):
        rows = [facts_of_summary(row(number, 1.0)) for number in range(count)]
        print_json(rows)
        print_json_rows(iter(rows))
        out = capsysbinary.readouterr().out
        assert out[: len(out) // 2] == out[len(out) // 2 :]
        assert len(msgspec.json.decode(out[: len(out) // 2])) == count


def test_a_long_list_takes_no_more_memory_than_a_short_one() -> None:
    peaks = []
    for count in (500, 10_000):
        past = Past(*range(count))
        tracemalloc.start()
        for one in _oldest_first([cast(History, past)], [], Wanted(limit=count)):
            facts_of_summary(one)
        peaks.append(tracemalloc.get_traced_memory()[1] - 8 * count * 2)
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5, peaks
