"""What `talkpath reload` and `talkpath upgrade` do: they ask the running edge, and say what came of it."""

import sys
import time

from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.node.control import ControlClient
from talkpath.app.reload import words as texts
from talkpath.app.state.directory import state_directory
from talkpath.base.texts import Language

# How often the new process is looked for.
_LOOK_S = 0.05


def ask_to_reload(config: Config, language: Language) -> bool:
    """Have the running edge take up its configuration anew; whether it did. Raises `Trouble` without an edge."""
    told = ControlClient(state_directory(config)).reload(language)
    if told is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    for line in told.lines:
        print(line, file=sys.stderr)
    return told.is_taken


def ask_to_upgrade(config: Config, timeout_s: float, language: Language) -> bool:
    """Have another process take the place of the running edge's; whether it did. Raises `Trouble` without an edge,
    and where the other one does not answer in time."""
    client = ControlClient(state_directory(config))
    before, begun = client.place(), time.monotonic()
    told = client.upgrade(language)
    if told is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    for line in told.lines:
        print(line, file=sys.stderr)
    if not told.is_taken:
        return False
    while time.monotonic() - begun < timeout_s:
        time.sleep(_LOOK_S)
        if client.place() not in (None, before):
            print(texts.REPLACED.say(language, seconds=time.monotonic() - begun), file=sys.stderr)
            return True
    raise Trouble("upgrade-lost", phrase(texts.REPLACEMENT_LOST, seconds=timeout_s))
