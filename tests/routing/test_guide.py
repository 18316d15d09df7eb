"""The examples of the guide are scripts without a mistake, and do what the guide says."""

import re
from pathlib import Path

import pytest
from tests.routing.desk import Desk, groups_of, invite

from talkpath.edge.routing.inquiry import Answer, Verb

GUIDE = Path(__file__).parents[2] / "docs" / "guide"


@pytest.mark.parametrize(("page", "region"), [("routing.md", "DE"), ("routing.zh.md", "CN")])
async def test_the_example_of_the_guide(desk: Desk, page: str, region: str) -> None:
    text = (GUIDE / page).read_text()
    example = re.findall(r"```python\n(# routing\.py\n.*?)```", text, re.DOTALL)[0]
    (hook,) = re.findall(r"```python\n(@edge\.on_request.*?)```", text, re.DOTALL)
    desk.settings = type(desk.settings)(region=region)
    desk.write("", example + "\n\n" + hook)
    from asyncio import get_running_loop

    from talkpath.routing.loading import load
    from talkpath.routing.router import ScriptRouter

    loop = get_running_loop()
    desk.router = ScriptRouter(load(desk.file), desk.settings, loop, loop.time, lambda: None)

    number = re.findall(r'"(\+\d+)": "anna"', example)[0]
    carrier = desk.ask(message=invite(f"sip:{number}@example.com"), gateway="a")
    assert groups_of(carrier.plan) == ["user anna ring_s=20", "user night"]
    assert desk.ask().verdicts == [Verb.CHALLENGE]
    assert desk.ask(user="bob", message=invite("sip:090055@example.com")).verdicts == [
        Answer(403, "No premium numbers")
    ]
    assert groups_of(desk.ask(user="bob", message=invite("sip:anna@example.com")).plan) == ["user anna"]
    out = desk.ask(user="bob", message=invite(f"sip:{number}@example.com"))
    assert groups_of(out.plan) == [f"group carrier-a {number}", f"group carrier-b {number}"]
    assert out.plan.leaves_house
    assert not out.plan.for_strangers
    assert out.plan.changes is not None
    assert out.plan.changes.sender.startswith('"Anna" <sip:+')
