"""A call goes on at another node: its hooks find there what the script kept where it ran before."""

import pytest
from tests.edge.lab import OFFER
from tests.routing.house import URI, House, turn

from talkpath.base import limits
from talkpath.edge.edge import Edge
from talkpath.routing.memory import Memory, read, written

SCRIPT = """
@edge.on_call
async def route(call):
    call.vars["boss"] = await call.authenticate()
    call.vars["levels"] = {"night": [1, 2.5, None, True], "raw": b"\\xff"}
    call.vars["connection"] = object()
    call.vars["pair"] = (1, 2)
    return users("1002")

@edge.on_request("INFO")
async def info(call, request):
    call.note(f"{call.user} {sorted(call.vars)} {call.vars['boss']} {call.vars['levels']} {request.is_from_caller}")
"""


async def test_hooks_find_the_variables_of_a_call_that_ran_elsewhere(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.script(SCRIPT)
    lab = house.lab
    lab.share()
    house.anna.invite(URI, body=OFFER)
    house.bob.answer(house.bob.take(), 200, body=OFFER)
    ok = house.anna.last()
    house.anna.ack(ok, house.bob.contact)
    lab.shared()
    make = lab._node

    def another(prefix: str) -> Edge:
        lab.edge = make(prefix)
        house.script(SCRIPT)
        return lab.edge

    monkeypatch.setattr(lab, "_node", another)
    lab.die()
    house.anna.in_dialog("INFO", ok)
    await turn()
    assert house.bob.last().method == "INFO"
    (note,) = (moment.values["text"] for moment in house.told() if moment.kind == "script.note")
    assert note == ("1001 ['boss', 'levels'] 1001 {'night': [1, 2.5, None, True], 'raw': b'\\xff'} True")


def test_what_is_too_much_or_no_text_is_left_out_and_the_rest_stays() -> None:
    kept = {"a": 1, "long": "x" * limits.SCRIPT_MEMORY_BYTES, "odd": "\udcff", "big": 2**70, "set": {1}}
    again = read(written(Memory("1001", vars=kept)))
    assert again == Memory("1001", vars={"a": 1})
    ring: list[object] = []
    ring.append(ring)
    assert read(written(Memory("1001", vars={"ring": ring}))) == Memory("1001")


def test_nothing_and_what_nobody_can_read() -> None:
    assert written(Memory()) == b""
    assert read(b"\xc1") is None
    assert read(written(Memory("1001")) + b"more") is None
