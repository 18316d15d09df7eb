"""What `talkpath drain` does: tells a node to give way, and says how far it is."""

import sys
import time

from talkpath.app.cluster import drain_words as texts
from talkpath.app.cluster.rows import NodeRow
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.node.control import ControlClient
from talkpath.app.state.directory import state_directory
from talkpath.base.texts import Language

_LOOK_S = 0.25
# How long it may take until the node says that it drains, where another than ours is told.
_ANSWER_S = 5.0


def drain_node(config: Config, node: str, timeout_s: float, language: Language) -> None:
    """Returns when the node has no calls any more, or at once where nothing is waited for. Raises `Trouble`."""
    client = ControlClient(state_directory(config))
    _order(client, node, undo=False)
    row = _answered(client, node)
    end, said = time.monotonic() + timeout_s, ""
    while row is not None and row.state == "drains":
        line = _progress(row, language)
        if line != said:
            said = _talk(line)
        if row.calls == 0:
            _talk(phrase(texts.EMPTY, node=node).say(language))
            return
        if timeout_s == 0:
            return
        if time.monotonic() >= end:
            raise Trouble("drain-timeout", phrase(texts.TIME_OVER, node=node, calls=row.calls))
        time.sleep(_LOOK_S)
        row = _row(client, node)
    _talk(phrase(texts.STOPPED, node=node).say(language))


def undo_drain(config: Config, node: str, language: Language) -> None:
    """The node takes everything again. Raises `Trouble`."""
    _order(ControlClient(state_directory(config)), node, undo=True)
    _talk(phrase(texts.UNDONE, node=node).say(language))


def _order(client: ControlClient, node: str, *, undo: bool) -> None:
    why = client.drain(node, undo=undo)
    if why is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    if why:
        raise Trouble(f"drain-{why}", phrase(texts.REASONS[why], node=node))


def _answered(client: ControlClient, node: str) -> NodeRow | None:
    """The node, once it drains, or None when it stopped meanwhile. Raises `Trouble`."""
    end = time.monotonic() + _ANSWER_S
    while (row := _row(client, node)) is not None and row.state != "drains":
        if time.monotonic() >= end:
            raise Trouble("drain-unheard", phrase(texts.NO_ANSWER, node=node))
        time.sleep(_LOOK_S)
    return row


def _row(client: ControlClient, node: str) -> NodeRow | None:
    for cluster in client.cluster() or ():
        for row in cluster.nodes:
            if row.name == node:
                return row
    return None


def _progress(row: NodeRow, language: Language) -> str:
    went = ", ".join(texts.WENT.say(language, to=to, calls=calls) for to, calls in sorted(row.went_to.items()))
    return phrase(texts.LEFT, node=row.name, calls=row.calls, went=went or texts.NONE_WENT).say(language)


def _talk(line: str) -> str:
    print(line, file=sys.stderr, flush=True)
    return line
