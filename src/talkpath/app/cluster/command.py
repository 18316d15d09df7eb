"""What `talkpath cluster` shows: the nodes, and the engine that holds what they share."""

import sys
import time

import msgspec
from rich.text import Text as RichText

from talkpath.app.cluster import words as texts
from talkpath.app.cluster.rows import ClusterRow, NodeRow, RiskRow
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.console.rows import Cell, print_json, print_line, print_rows, redrawn
from talkpath.app.node.control import ControlClient
from talkpath.app.state.directory import state_directory
from talkpath.base.readable import json_bytes, printable
from talkpath.base.texts import Language

_COLOUR = {"here": "green", "there": "green", "drains": "yellow", "unheard": "yellow"}
_WATCH_S = 1.0


def print_cluster(config: Config, language: Language, *, as_json: bool) -> None:
    """Print the nodes. Raises `Trouble` without an edge or a cluster."""
    row = _row(config)
    if as_json:
        print_json(msgspec.to_builtins(row))
        return
    print(_summary(row, language), file=sys.stderr)
    print_rows(texts.HEADS, [_cells(node, language) for node in row.nodes], language, texts.RIGHT)
    if row.at_risk:
        said = phrase(texts.AT_RISK, lost=len(row.at_risk), calls=row.calls)
        print(said.say(language), file=sys.stderr)
        print_rows(texts.RISK_HEADS, [_risk(one, language) for one in row.at_risk], language)


def watch_cluster(config: Config, language: Language, *, as_json: bool) -> None:
    """Print them until interrupted: drawn anew on a terminal, else a line of JSON, or the table, each second."""
    if sys.stdout.isatty() and not as_json:
        redrawn(
            texts.HEADS,
            lambda: [_cells(node, language) for node in _row(config).nodes],
            language,
            texts.RIGHT,
            _WATCH_S,
        )
        return
    while True:
        if as_json:
            print_line(json_bytes(msgspec.to_builtins(_row(config))))
        else:
            print_cluster(config, language, as_json=False)
        time.sleep(_WATCH_S)


def _row(config: Config) -> ClusterRow:
    rows = ControlClient(state_directory(config)).cluster()
    if rows is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    if not rows:
        raise Trouble("no-cluster", phrase(texts.NO_CLUSTER))
    return rows[0]


def _risk(one: RiskRow, language: Language) -> list[Cell]:
    return [printable(one.call_id), phrase(texts.RISKS[one.why], detail=one.detail).say(language)]


def _summary(row: ClusterRow, language: Language) -> str:
    text = texts.SUMMARY_AWAY if row.engine == "away" else texts.SUMMARY
    values = {"cluster": row.cluster, "server": row.server, "replicas": row.replicas, "version": row.server_version}
    return phrase(text, state=texts.ENGINES[row.engine], **values).say(language)


def _cells(node: NodeRow, language: Language) -> list[Cell]:
    return [
        node.name,
        RichText(texts.STATES[node.state].say(language), style=_COLOUR.get(node.state, "red")),
        node.address,
        str(node.calls),
        str(node.registrations),
        f"{node.lag_s * 1000:.1f} ms",
        str(node.waiting),
        f"{max(0.0, time.time() - node.started_at):.0f} s",
        node.version,
    ]
