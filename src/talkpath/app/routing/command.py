"""What `talkpath route` does: asks the running edge what would happen to a call, and prints its steps."""

import re
import sys
from ipaddress import ip_address
from pathlib import Path

import msgspec

from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Trouble, phrase
from talkpath.app.console.rows import print_line
from talkpath.app.node.control import ControlClient
from talkpath.app.routing import words as texts
from talkpath.app.routing.rehearsing import Wish
from talkpath.app.routing.running import load_checked
from talkpath.app.state.directory import state_directory
from talkpath.base.readable import json_bytes, printable
from talkpath.base.texts import Language
from talkpath.calls.words import said

_NAME = re.compile(r"[^\s<>\"\x00-\x1f\x7f]{1,256}")


def print_route(
    config: Config,
    caller: str,
    called: str,
    source: str,
    script: Path | None,
    language: Language,
    *,
    as_json: bool,
) -> None:
    """Print what would happen. Raises `Trouble` without an edge, `Misuse` for what can be no call, `BadConfig` for a
    script that is none."""
    if script is not None:
        load_checked(script)
    for text in (caller, called):
        if not _NAME.fullmatch(text):
            raise Misuse("route-name", phrase(texts.NO_NAME, value=printable(text[:80])))
    try:
        host = str(ip_address(source)) if source else ""
    except ValueError:
        raise Misuse("route-address", phrase(texts.NO_ADDRESS, value=printable(source[:80]))) from None
    file = str(script.resolve()) if script is not None else ""
    client = ControlClient(state_directory(config))
    steps = client.route(Wish(caller, called, host, script=file))
    if steps is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    for number, step in enumerate(steps, 1):
        sentence = said(step, language)
        if as_json:
            row = {"kind": step.kind, "values": step.values, "text": sentence}
            print_line(json_bytes(msgspec.to_builtins(row)))
        else:
            print(f"{number:3}  {printable(sentence)}", file=sys.stdout)
