"""A script is loaded whole or not at all, and each mistake is told with its line and the nearest right name."""

import asyncio
import importlib
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import ModuleType

import pytest
from tests.routing.desk import HEAD, LINES_BEFORE, Desk

from talkpath.base.texts import Language
from talkpath.routing.loading import give_up, load
from talkpath.routing.mistakes import BadScript
from talkpath.routing.reading import unknown_groups, unknown_users

GOOD = "@edge.on_call\nasync def route(call):\n    return users('anna')\n"
ROUTE = "@edge.on_call\nasync def route(call):\n    return as_usual()\n"
LINE = LINES_BEFORE + 1


def mistakes_of(desk: Desk, body: str, head: str = HEAD) -> list[str]:
    """What is said of a script, each with its line alone."""
    with pytest.raises(BadScript) as caught:
        desk.load(body, head)
    for mistake in caught.value.mistakes:
        assert mistake.say(Language.ZH) != mistake.say(Language.EN)
    return [mistake.say(Language.EN).replace(f"{desk.file}:", "") for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("@edge.on_call\ndef route(call):\n    return as_usual()\n", 1, 'Write "async def route"'),
        ("@edge.on_call\nasync def route(call):\n    yield as_usual()\n", 1, "yields"),
        ("@edge.on_call\nasync def route():\n    return as_usual()\n", 1, "async def route(call)"),
        ("@edge.on_call\nasync def route(call, request):\n    return as_usual()\n", 1, "async def route(call)"),
        ("@edge.on_call()\nasync def route(call):\n    return as_usual()\n", 1, "without parentheses"),
        ("@edge.on_call(priority=1)\nasync def route(call):\n    return as_usual()\n", 1, "without parentheses"),
        ("@edge.on_cal\nasync def route(call):\n    return as_usual()\n", 1, "Did you mean on_call?"),
        ("@edge.on_invite\nasync def route(call):\n    return as_usual()\n", 1, "An Edge has no on_invite"),
        (ROUTE + "@edge.on_call\nasync def again(call):\n    return as_usual()\n", 4, f"first stands in line {LINE}"),
        ("@edge.on_request\nasync def refer(call, request):\n    return None\n", 1, "needs the methods"),
        ("@edge.on_request()\nasync def refer(call, request):\n    return None\n", 1, "needs the methods"),
        ("@edge.on_request('REFFER')\nasync def refer(call, request):\n    return None\n", 1, 'mean "REFER"?'),
        ("@edge.on_request('refer')\nasync def refer(call, request):\n    return None\n", 1, 'mean "REFER"?'),
        ("@edge.on_request('BYE')\nasync def bye(call, request):\n    return None\n", 1, "BYE can not be refused"),
        ("@edge.on_request('REFER')\nasync def refer(call):\n    return None\n", 1, "refer(call, request)"),
        (
            "@edge.on_request('REFER')\nasync def refer(call, request): ...\n"
            "@edge.on_request('INFO', 'REFER')\nasync def both(call, request): ...\n",
            3,
            "about REFER",
        ),
        (
            "@edge.on_request('REFER', order=1)\nasync def refer(call, request): ...\n",
            1,
            "unexpected keyword argument",
        ),
        ("gatways('a')\n" + ROUTE, 1, "Did you mean gateways?"),
        ("users('a', rings_s=3)\n" + ROUTE, 1, "Did you mean ring_s?"),
        ("users('a', ring_s=-3)\n" + ROUTE, 1, "seconds above 0"),
        ("from talkpath.routing import gatways\n" + ROUTE, 1, "Did you mean gateways?"),
        ("import talkpath.routng\n" + ROUTE, 1, "Did you mean talkpath.routing?"),
        ("import jsn\n" + ROUTE, 1, "Did you mean json?"),
        ("import httpxx\n" + ROUTE, 1, "-m pip install httpxx"),
        ("from talkpath import gateways\n" + ROUTE, 1, "Did you mean from talkpath.routing import gateways?"),
        ("1 / 0\n" + ROUTE, 1, "ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n" + ROUTE, 2, "SystemExit: 3"),
        ("if True\n" + ROUTE, 1, "This is no Python"),
        ("second = Edge()\n" + ROUTE, 1, "A second Edge"),
        ("edge.keep('a', set)\nedge.keep('a', set)\n" + ROUTE, 2, "Two things are kept as a"),
        ("@edge.on_call\nasync def route(call):\n    call.note('x')\n", 2, "route returns nothing"),
        (
            "@edge.on_call\nasync def route(call):\n    call.authenticate()\n    return drop()\n",
            3,
            "await call.authenticate()",
        ),
        (
            "@edge.on_call\nasync def route(c):\n    if c.authenticate():\n        return drop()\n",
            3,
            "await c.authenticate()",
        ),
        ("@edge.on_call\nasync def route(call):\n    return call.to(users('a'))\n", 3, "write await call.to()"),
        (
            "@edge.on_call\nasync def route(call):\n    out = call.to(users('a'))\n    return out\n",
            3,
            "write await call.to()",
        ),
        ("edge.keep('a', [])\n" + ROUTE, 1, 'edge.keep("a", set)'),
        ("x = '\0'\n" + ROUTE, 1, "there is a null byte"),
        (
            "@edge.on_call\nasync def route(call):\n    return users(call.numbr)\n",
            3,
            "call has no numbr. Did you mean number?",
        ),
        (
            "@edge.on_request('REFER')\nasync def refer(call, request):\n    call.note(request.referto)\n",
            3,
            "request has no referto. Did you mean refer_to?",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(desk: Desk, body: str, line: int, said: str) -> None:
    told = mistakes_of(desk, body)
    assert len(told) == 1, told
    assert told[0].startswith(f"{LINES_BEFORE + line}: "), told
    assert said in told[0]


def test_all_mistakes_of_announcements_are_told_at_once(desk: Desk) -> None:
    body = "@edge.on_call\ndef one(call): ...\n@edge.on_request('XFER')\nasync def two(call, request): ...\n"
    assert len(mistakes_of(desk, body)) == 2


def test_a_script_that_is_saved_as_utf_16_is_told_so(desk: Desk) -> None:
    desk.file.write_text(HEAD + ROUTE, "utf-16")
    with pytest.raises(BadScript) as caught:
        load(desk.file)
    assert [one.say(Language.EN) for one in caught.value.mistakes] == [
        f"{desk.file}:1: The script is no UTF-8 text; save it as UTF-8."
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("from routing import *\n" + HEAD + ROUTE, "imports routing, which is itself"),
        ("x = " + "-" * 100_000 + "1\n", "nested too deeply"),
        ("", "makes no Edge"),
        ("from talkpath.routing import Edge\nedge = Edge()\n", "2: Nothing is announced"),
        ("async def route(call):\n    return None\n", "makes no Edge"),
        (HEAD.replace("Edge()", "Edge") + ROUTE, "makes no Edge"),
        ("\x00", "1: This is no Python"),
    ],
)
def test_a_script_that_decides_nothing_is_none(desk: Desk, text: str, said: str) -> None:
    assert said in mistakes_of(desk, "", text)[0]


async def test_a_script_that_says_ctrl_c_while_it_is_loaded_beside_the_edge(desk: Desk) -> None:
    with pytest.raises(BadScript, match="KeyboardInterrupt"):
        await asyncio.to_thread(desk.load, "raise KeyboardInterrupt\n" + ROUTE)


def test_a_file_that_is_not_there_or_no_text(desk: Desk) -> None:
    with pytest.raises(BadScript, match="No such file"):
        load(desk.file)
    desk.file.write_bytes(b"x = '\xff'\n")
    with pytest.raises(BadScript, match="UTF-8"):
        load(desk.file)
    with pytest.raises(BadScript, match="directory"):
        load(desk.folder)


def test_awaiting_later_or_elsewhere_is_no_mistake(desk: Desk) -> None:
    desk.load(
        """
        import asyncio

        @edge.on_call
        async def route(call):
            trying = call.to(users("a"))
            outcome = await trying
            (other,) = await asyncio.gather(call.to(users("b")))
            return outcome or other
        """
    )


def test_a_name_that_becomes_something_else_is_left_alone(desk: Desk) -> None:
    desk.load("@edge.on_call\nasync def route(call):\n    call = object()\n    return users(call.anything)\n")


def test_modules_beside_the_script_are_loaded_anew_and_watched(desk: Desk) -> None:
    beside = desk.folder / "tables_of_test.py"
    body = "from tables_of_test import OWNER\n" + GOOD + "SEEN = edge.keep('seen', list)\nSEEN.append(OWNER)\n"
    beside.write_text("OWNER = 'anna'\n")
    script = desk.load(body)
    assert script.files == (desk.file, beside)
    # The same size, within the same second.
    beside.write_text("OWNER = 'berd'\n")
    script = load(desk.file, script.kept)
    assert script.kept["seen"] == ["anna", "berd"]


def test_a_mistake_in_a_module_beside_the_script_is_told_there(desk: Desk) -> None:
    beside = desk.folder / "tables_of_test.py"
    beside.write_text("A = 1\nB = UNKNOWN\n")
    assert mistakes_of(desk, "import tables_of_test\n" + GOOD) == [
        f"{beside}:2: Loading the script failed: NameError: name 'UNKNOWN' is not defined."
    ]
    beside.write_text("A = 1\nB = (\n")
    assert mistakes_of(desk, "import tables_of_test\n" + GOOD)[0].startswith(f"{beside}:2: This is no Python")


def test_a_module_beside_the_script_that_another_hides_is_told(desk: Desk) -> None:
    (desk.folder / "json.py").write_text("")
    assert "has the same name" in mistakes_of(desk, "import json\n" + GOOD)[0]


def test_a_load_that_fails_changes_nothing(desk: Desk) -> None:
    beside = desk.folder / "tables_of_test.py"
    beside.write_text("OWNER = 'anna'\n")
    body = "import tables_of_test\nkept = edge.keep('seen', set)\n" + GOOD
    script = desk.load(body)
    before = sys.modules["tables_of_test"]
    beside.write_text("OWNER = 'bob'\n")
    desk.write(body + "edge.keep('more', dict)\n1 / 0\n")
    with pytest.raises(BadScript):
        load(desk.file, script.kept)
    assert sys.modules["tables_of_test"] is before
    assert script.kept == {"seen": set()}
    assert importlib.import_module("tables_of_test") is before


def test_a_trial_leaves_the_script_in_use_its_modules(tmp_path: Path) -> None:
    for name in ("office", "trial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tables_of_test.py").write_text(f"NAME = {name!r}\n")
        (tmp_path / name / "routing.py").write_text(
            HEAD + "import tables_of_test\nnames = edge.keep('names', lambda: [tables_of_test.NAME])\n" + GOOD
        )
    load(tmp_path / "office" / "routing.py")
    module, path = sys.modules["tables_of_test"], list(sys.path)
    assert load(tmp_path / "trial" / "routing.py", is_trial=True).kept == {"names": ["trial"]}
    assert load(tmp_path / "office" / "routing.py", is_trial=True).kept == {"names": ["office"]}
    assert sys.modules["tables_of_test"] is module
    assert sys.path == path


@pytest.mark.parametrize("ending", ["", "raise ValueError\n"])
def test_a_load_that_was_given_up_changes_nothing_when_it_ends(desk: Desk, ending: str) -> None:
    beside = desk.folder / "tables_of_test.py"
    beside.write_text("OWNER = 'anna'\n")
    desk.load("import tables_of_test\n" + GOOD)
    before = sys.modules["tables_of_test"]
    sys.modules["gate_of_test"] = gate = ModuleType("gate_of_test")
    gate.came, gate.go = came, go = Event(), Event()  # type: ignore[attr-defined]  # it is made for this
    beside.write_text("import gate_of_test\ngate_of_test.came.set()\ngate_of_test.go.wait(20)\n" + ending)
    hung = Thread(target=_load_quietly, args=(desk,))
    hung.start()
    assert came.wait(20)
    give_up()
    assert sys.modules["tables_of_test"] is before
    beside.write_text("OWNER = 'bob'\n")
    load(desk.file)
    mended = sys.modules["tables_of_test"]
    assert mended.OWNER == "bob"
    go.set()
    hung.join(20)
    assert sys.modules["tables_of_test"] is mended
    assert str(desk.folder) in sys.path
    del sys.modules["gate_of_test"]


def _load_quietly(desk: Desk) -> None:
    with suppress(BadScript):
        load(desk.file)


def test_what_is_kept_survives_a_reload_and_what_is_no_more_kept_does_not(desk: Desk) -> None:
    first = desk.load("seen = edge.keep('seen', set)\nseen.add(1)\nedge.keep('gone', dict)\n" + GOOD)
    second = load(desk.write("seen = edge.keep('seen', set)\n" + GOOD), first.kept)
    assert second.kept == {"seen": {1}}
    with pytest.raises(BadScript, match="is a set, and now a dict"):
        load(desk.write("edge.keep('seen', dict)\n" + GOOD), second.kept)


def test_a_hundred_reloads_leave_nothing_behind(desk: Desk) -> None:
    desk.load(GOOD)
    modules, path = len(sys.modules), list(sys.path)
    for _ in range(100):
        load(desk.file)
    assert (len(sys.modules), sys.path) == (modules, path)


def test_a_script_can_be_imported_by_a_test_of_the_operator(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk.folder / "routing_of_test.py").write_text(HEAD + "kept = edge.keep('a', list)\n" + GOOD)
    monkeypatch.syspath_prepend(str(desk.folder))
    module = importlib.import_module("routing_of_test")
    assert module.kept == []
    del sys.modules["routing_of_test"]


def test_names_of_groups_and_users_are_compared_with_those_there_are(desk: Desk) -> None:
    script = desk.load(
        "@edge.on_call\nasync def route(call):\n"
        "    if call.user:\n        return users('anna', 'bop')\n"
        "    return gateways('carier', call.number).then(users('zoe'))\n"
    )
    (reading,) = script.readings()
    groups = [mistake.say(Language.EN) for mistake in unknown_groups(reading.groups(), {"carrier", "backup"})]
    assert groups == [
        f'{desk.file}:{LINE + 4}: There is no gateway of the group "carier" in the configuration. '
        'Did you mean "carrier"?'
    ]
    hints = list(unknown_users(reading.users(), {"anna", "bob"}))
    assert [(mistake.place.line, mistake.is_hint) for mistake in hints] == [(LINE + 3, True), (LINE + 4, True)]
    assert 'Did you mean "bob"?' in hints[0].say(Language.EN)
    (first, *_) = unknown_groups(reading.groups(), set())
    assert first.say(Language.EN).endswith("no [[gateways]].")


def test_what_holds_up_all_calls_is_hinted(desk: Desk) -> None:
    script = desk.load("import time\n@edge.on_call\nasync def route(call):\n    time.sleep(1)\n    return drop()\n")
    (reading,) = script.readings()
    (hint,) = reading.hints()
    assert (hint.place.line, hint.is_hint) == (LINE + 3, True)
    assert "await asyncio.sleep()" in hint.say(Language.EN)


def test_two_scripts_of_one_process_have_each_its_own_modules(tmp_path: Path) -> None:
    for name in ("office", "centre"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "tables_of_test.py").write_text(f"NAME = {name!r}\n")
        (folder / "routing.py").write_text(
            HEAD + "import tables_of_test\nnames = edge.keep('names', lambda: [tables_of_test.NAME])\n" + GOOD
        )
    for name in ("office", "centre", "office"):
        assert load(tmp_path / name / "routing.py").kept == {"names": [name]}
