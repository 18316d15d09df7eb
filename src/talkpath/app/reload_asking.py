"""What `talkpath reload` does: it asks the running edge, and says what came of it."""

import sys

from talkpath.app import reload_words as texts
from talkpath.app.config.tree import Config
from talkpath.app.control import ControlClient
from talkpath.app.phrase import Trouble, phrase
from talkpath.app.state import state_directory
from talkpath.base.texts import Language


def ask_to_reload(config: Config, language: Language) -> bool:
    """Have the running edge take up its configuration anew; whether it did. Raises `Trouble` without an edge."""
    told = ControlClient(state_directory(config)).reload(language)
    if told is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    for line in told.lines:
        print(line, file=sys.stderr)
    return told.is_taken
