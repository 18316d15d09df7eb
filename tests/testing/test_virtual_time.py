"""The loop's clock jumps from timer to timer, and only where nothing real is waited for."""

import asyncio
import socket
import time

import pytest

from talkpath.testing import NothingHappens, run


def test_an_hour_takes_no_time() -> None:
    async def sleep() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(sleep()) == 3600
    assert time.monotonic() - began < 5


def test_who_sleeps_shorter_wakes_first() -> None:
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((name, asyncio.get_running_loop().time()))

    async def both() -> None:
        await asyncio.gather(sleeper("late", 2.5), sleeper("early", 1))

    run(both())
    assert woken == [("early", 1), ("late", 2.5)]


def test_what_falls_due_at_once_comes_in_the_order_in_which_it_was_set() -> None:
    fired: list[int] = []

    async def many() -> None:
        for number in range(50):
            asyncio.get_running_loop().call_later(1, fired.append, number)
        await asyncio.sleep(2)

    run(many())
    assert fired == list(range(50))


def test_a_deadline_falls_due() -> None:
    async def late() -> None:
        async with asyncio.timeout(5):
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        run(late())


def test_time_stands_still_while_a_thread_works() -> None:
    async def work() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        asyncio.get_running_loop().call_later(1, lambda: None)
        done = await loop.run_in_executor(None, lambda: time.sleep(0.05) or "done")
        return done, loop.time()

    assert run(work()) == ("done", 0)


def test_an_answer_of_a_real_socket_comes_before_a_deadline() -> None:
    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def ask() -> bytes:
        server = await asyncio.start_server(served, "127.0.0.1", 0, family=socket.AF_INET)
        async with server, asyncio.timeout(0.5):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return line

    assert run(ask()) == b"hello\n"


def test_who_waits_for_nothing_is_told() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingHappens, match="still waits"):
        run(forever(), limit_s=10)
