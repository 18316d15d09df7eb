"""What `talkpath record` does: it asks the running edge to start, stop, pause or resume the recording of a call."""

import sys

from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.node.control import ControlClient
from talkpath.app.recordings import record_words as texts
from talkpath.app.state.directory import state_directory
from talkpath.base.readable import printable
from talkpath.base.texts import Language
from talkpath.edge.calls.recording import Verb


def record(config: Config, verb: Verb, name: str, language: Language) -> None:
    """Do it with the one running call of that name. Raises `Trouble`."""
    shown = printable(name)
    done = ControlClient(state_directory(config)).record(name, verb)
    if done is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    if not done:
        raise Trouble("no-call", phrase(texts.NO_CALL, call=shown))
    for why in done:
        if why:
            raise Trouble(f"recording-{why}", phrase(texts.REFUSALS[why], call=shown))
    print(texts.DONE[verb].say(language, call=shown), file=sys.stderr)
