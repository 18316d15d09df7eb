"""Prometheus' own tools read what the edge tells, and alerts and board ask for nothing that it does not tell."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

pytestmark = pytest.mark.live

WATCHING = Path(__file__).parents[2] / "docs" / "operate" / "watching"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
_NAME = re.compile(r"\b(talkpath_\w+|process_\w+)")
_OF_HISTOGRAMS = re.compile(r"_(bucket|count|sum)$")
# Told where something is configured that this edge does not have.
_ELSEWHERE = {"talkpath_hep_events_total", "talkpath_hep_queued"}


def page(edge: Any, accept: str = "") -> str:
    with urlopen(Request(f"http://127.0.0.1:{edge.metrics}/metrics", headers={"Accept": accept})) as answer:
        return answer.read().decode()


def promtool(*arguments: str, given: str = "") -> None:
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def expressions() -> Iterator[str]:
    """What the panels of the board ask for, as Prometheus would be asked."""
    board = json.loads((WATCHING / "board.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield re.sub(r"\$__(rate_interval|range)", "5m", target["expr"]).replace("$instance", ".*")


def test_what_the_edge_tells_is_well_formed(edge, agents) -> None:
    agents.agent("udp").register()
    promtool("check", "metrics", given=page(edge))


def test_the_alerts_are_rules_that_fire_when_they_should() -> None:
    promtool("check", "rules", str(WATCHING / "alerts.yml"))
    promtool("test", "rules", str(WATCHING / "alerts_test.yml"))


def test_the_board_asks_in_words_that_prometheus_understands(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(expressions())]
    # JSON is YAML too.
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    promtool("check", "rules", str(tmp_path / "rules.yml"))


def test_alerts_and_board_ask_for_what_there_is(edge) -> None:
    text = page(edge, OPENMETRICS)
    told = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    asked = set(_NAME.findall((WATCHING / "alerts.yml").read_text()))
    for one in expressions():
        asked |= set(_NAME.findall(one))
    names = {_OF_HISTOGRAMS.sub("", name) for name in asked - _ELSEWHERE}
    assert {name for name in names if name not in told and name.removesuffix("_total") not in told} == set()


def test_an_edge_that_takes_calls_is_ready(edge) -> None:
    for path in ("healthz", "readyz"):
        with urlopen(f"http://127.0.0.1:{edge.metrics}/{path}") as answer:
            assert answer.read() == b"ok\n"
