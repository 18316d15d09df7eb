"""The script of the running edge: loaded anew when it is saved or asked for, whole or not at all."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from tests.routing.desk import Asked, groups_of, invite

from talkpath.app.config.gateways import Gateway
from talkpath.app.config.mistakes import BadConfig
from talkpath.app.config.records import State
from talkpath.app.config.registration import Account
from talkpath.app.config.routing import Routing
from talkpath.app.config.tree import Config
from talkpath.app.routing.rehearsing import Trial
from talkpath.app.routing.running import OwnScript
from talkpath.app.routing.script import check_script, doubts
from talkpath.base.redact import Secret
from talkpath.base.texts import Language
from talkpath.edge.routing.inquiry import Answer
from talkpath.routing.holdup import HoldUps
from talkpath.routing.router import RouterSettings

SCRIPT = """
from talkpath.routing import *
edge = Edge()
NAME = "{name}"

@edge.on_call
async def route(call):
    return users("anna").then(gateways("{group}"))
"""


@dataclass
class Running:
    """A script of a running edge, and its file."""

    file: Path
    own: OwnScript
    config: Config

    @property
    def name(self) -> str:
        """What the script in use calls itself."""
        assert self.own.router is not None
        function = self.own.router.script.on_call
        assert function is not None
        return str(function.__globals__["NAME"])  # type: ignore[attr-defined]  # it is a function

    def save(self, text: str) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.file)

    async def reload(self) -> list[str]:
        """As with the configuration; what is wrong."""
        async with self.own.loading:
            try:
                loaded = await self.own.tried(self.config)
            except BadConfig as bad:
                return [mistake.say(Language.EN) for mistake in bad.mistakes]
            assert loaded is not None
            self.own.take(loaded)
            return []

    async def until(self, is_so: Callable[[], bool], *, looking: bool = True) -> None:
        """Look as the chores do, only more often."""
        async with asyncio.timeout(20):
            while not is_so():
                if looking:
                    self.own.look()
                await asyncio.sleep(0.02)


def config_of(folder: Path, **routing: object) -> Config:
    return Config(
        state=State(directory=str(folder / "state")),
        routing=msgspec.convert({"script": str(folder / "routing.py"), **routing}, type=Routing),
        accounts=(Account(user="anna", password=Secret("x")),),
        gateways=(Gateway(name="one", group="carrier", address="192.0.2.1"),),
    )


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    file = tmp_path / "routing.py"
    file.write_text(SCRIPT.format(name="first", group="carrier"))
    loop = asyncio.get_running_loop()
    config = config_of(tmp_path)
    own = OwnScript(config, Language.EN, loop, loop.time, lambda: None)
    yield Running(file, own, config)
    own.close()


async def test_a_saved_script_is_taken(running: Running) -> None:
    running.save(SCRIPT.format(name="second", group="carrier"))
    await running.until(lambda: running.name == "second")


async def test_a_script_with_mistakes_is_not_taken_and_blocks_no_later_one(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    running.save("if True\n")
    await running.until(lambda: "no Python" in caplog.text)
    assert running.name == "first"
    assert f"{running.file}:1:1: This is no Python" in caplog.text
    running.save(SCRIPT.format(name="third", group="carrier"))
    await running.until(lambda: running.name == "third")


async def test_a_load_that_never_ends_is_given_up(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("talkpath.app.routing.running._LOAD_S", 0.1)
    running.save("import threading\nthreading.Event().wait(0.4)\n")
    (said,) = await running.reload()
    assert "loading took more than 0.1 s" in said
    monkeypatch.setattr("talkpath.app.routing.running._LOAD_S", 20)
    running.save(SCRIPT.format(name="second", group="carrier"))
    assert await running.reload() == []
    assert running.name == "second"


async def test_a_module_that_hangs_while_it_is_imported_blocks_no_later_load(
    running: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("talkpath.app.routing.running._LOAD_S", 0.2)
    beside = tmp_path / "slow_of_test.py"
    beside.write_text("import threading\nthreading.Event().wait(60)\n")
    running.save("import slow_of_test\n" + SCRIPT.format(name="second", group="carrier"))
    (said,) = await running.reload()
    assert "loading took more than 0.2 s" in said
    monkeypatch.setattr("talkpath.app.routing.running._LOAD_S", 20)
    beside.write_text("")
    assert await running.reload() == []
    assert running.name == "second"


async def test_a_script_that_is_only_tried_holds_up_nobody(tmp_path: Path) -> None:
    file, beside = tmp_path / "new.py", tmp_path / "names_of_test.py"
    beside.write_text("NAME = 'anna'\n")
    file.write_text(
        "from talkpath.routing import *\nimport names_of_test\nedge = Edge()\n@edge.on_call\nasync def route(call):\n"
        "    while call.number == '9': pass\n    return users(names_of_test.NAME)\n"
    )
    hold_ups = HoldUps(0.5)
    try:
        trial = Trial(RouterSettings(), asyncio.get_running_loop().time, lambda: hold_ups)
        router = await trial.router(str(file))
        asked, other = Asked(invite("sip:9@example.com")), Asked()
        router.ask(asked, 1.0)
        assert asked.verdicts == [Answer(503)]
        router.ask(other, 1.0)
        assert groups_of(other.plan) == ["user anna"]
        assert await trial.router(str(file)) is router
        beside.write_text("NAME = 'bob'\n")
        os.utime(beside, (1, 1))
        other = Asked()
        (await trial.router(str(file))).ask(other, 1.0)
        assert groups_of(other.plan) == ["user bob"]
    finally:
        hold_ups.close()


async def test_loads_come_one_after_the_other_and_the_last_one_counts(running: Running) -> None:
    async def save(name: str) -> list[str]:
        running.save(SCRIPT.format(name=name, group="carrier"))
        return await running.reload()

    assert await asyncio.gather(*(save(f"name{at}") for at in range(10))) == [[]] * 10
    assert running.name == "name9"


async def test_without_a_script_nobody_is_asked(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    config = config_of(tmp_path, script="")
    own = OwnScript(config, Language.EN, loop, loop.time, lambda: None)
    own.look()
    assert own.router is None
    assert await own.tried(config) is None


async def test_another_file_takes_the_place_of_the_script_and_keeps_what_it_kept(
    running: Running, tmp_path: Path
) -> None:
    keeps = 'COUNTS = edge.keep("counts", dict)\nCOUNTS[NAME] = 1\n'
    running.save(SCRIPT.format(name="first", group="carrier") + keeps)
    assert await running.reload() == []
    other = tmp_path / "other.py"
    other.write_text(SCRIPT.format(name="second", group="carrier") + keeps)
    running.config = config_of(tmp_path, script=str(other), deadline_s=2.0)
    assert await running.reload() == []
    assert running.name == "second"
    router = running.own.router
    assert router is not None
    assert router.settings.deadline_s == 2.0
    assert router.script.kept == {"counts": {"first": 1, "second": 1}}
    # It is the new file that is looked at from now on.
    other.write_text(SCRIPT.format(name="third", group="carrier"))
    await running.until(lambda: running.name == "third")


async def test_an_edge_does_not_start_with_a_script_that_has_mistakes(tmp_path: Path) -> None:
    (tmp_path / "routing.py").write_text("gatways\n")
    loop = asyncio.get_running_loop()
    with pytest.raises(BadConfig, match=r"routing.py:1:1: Loading the script failed: NameError"):
        OwnScript(config_of(tmp_path), Language.EN, loop, loop.time, lambda: None)


async def test_names_that_are_nobodys_are_logged_at_start_and_after_a_reload(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "routing.py"
    file.write_text(SCRIPT.format(name="x", group="carier"))
    config = config_of(tmp_path)
    loop = asyncio.get_running_loop()
    own = OwnScript(config, Language.EN, loop, loop.time, lambda: None, doubts)
    assert 'routing.py:8: There is no gateway of the group "carier"' in caplog.text
    file.write_text(SCRIPT.format(name="x", group="carrier").replace("anna", "ana"))
    assert await Running(file, own, config).reload() == []
    assert 'routing.py:8: There is no user "ana" now' in caplog.text
    own.close()


def test_script_and_configuration_are_checked_together(tmp_path: Path) -> None:
    (tmp_path / "routing.py").write_text(SCRIPT.format(name="x", group="carier"))
    with pytest.raises(BadConfig, match=r'routing.py:8:1: There is no gateway of the group "carier".* "carrier"\?'):
        list(check_script(config_of(tmp_path)))
    (tmp_path / "routing.py").write_text(SCRIPT.format(name="x", group="carrier").replace('"anna"', '"ana"'))
    hint, good = (what.say(Language.EN) for what in check_script(config_of(tmp_path)))
    assert hint.endswith('There is no user "ana" now: calls there end with 404. Did you mean "anna"?')
    assert good.endswith("the script is good.")


def test_gateways_added_by_hand_are_known(tmp_path: Path) -> None:
    from talkpath.app.gateways.by_hand import ByHand, OwnGateways

    (tmp_path / "state").mkdir()
    OwnGateways(tmp_path / "state").file.write(ByHand(({"name": "two", "group": "backup", "address": "192.0.2.2"},)))
    (tmp_path / "routing.py").write_text(SCRIPT.format(name="x", group="backup"))
    (good,) = check_script(config_of(tmp_path))
    assert good.say(Language.EN).endswith("the script is good.")
