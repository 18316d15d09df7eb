"""What `talkpath check` finds in a script beside its configuration."""

from collections.abc import Iterator
from pathlib import Path

from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.gateways.by_hand import OwnGateways
from talkpath.app.routing import script_words as texts
from talkpath.app.routing.running import bad_config, load_checked
from talkpath.app.state.directory import DATABASE, state_directory
from talkpath.routing.loading import Script
from talkpath.routing.mistakes import Mistake
from talkpath.routing.reading import unknown_groups, unknown_users
from talkpath.store.accounts import Accounts


def check_script(config: Config) -> Iterator[Phrase]:
    """Load the script and compare it with the configuration: what is to be said of it. Raises BadConfig."""
    script = load_checked(Path(config.routing.script))
    mistakes = list(_unknown_groups(script, config))
    if mistakes:
        raise bad_config(mistakes)
    for hint in _hints(script, config):
        yield phrase(texts.HINT, place=hint.place, what=Phrase(hint.text, hint.values))
    yield phrase(texts.SCRIPT_GOOD, file=config.routing.script)


def doubts(script: Script, config: Config) -> Iterator[Mistake]:
    """What is logged of a script in use: names that are nobody's yet, and what may hold up all calls."""
    yield from _unknown_groups(script, config)
    yield from _hints(script, config)


def _unknown_groups(script: Script, config: Config) -> Iterator[Mistake]:
    by_hand = OwnGateways(state_directory(config)).file.read()
    known = {one.group for one in (*config.gateways, *by_hand.gateways())}
    for reading in script.readings():
        yield from unknown_groups(reading.groups(), known)


def _hints(script: Script, config: Config) -> Iterator[Mistake]:
    database = state_directory(config) / DATABASE
    stored = {one.user for one in Accounts(database).all()} if database.exists() else set()
    known = stored | {one.user for one in config.accounts}
    for reading in script.readings():
        yield from reading.hints()
        yield from unknown_users(reading.users(), known)
