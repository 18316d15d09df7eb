"""What `talkpath doctor` looks at: all that an edge needs of its host and network, while one runs and before.

`check` reads a configuration, `status` asks the running edge; what they find is told here too, by their own code.
What only this command does is in `doctor_ports.py`, `doctor_outside.py` and `doctor_host.py`.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich.text import Text as RichText

from talkpath.app import words
from talkpath.app.check.remarks import remarks, remarks_here
from talkpath.app.config.checks import lacking_here, unfit_certificate, unfit_others
from talkpath.app.config.endpoints import parse_endpoint
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, phrase
from talkpath.app.console.rows import print_json, print_rows
from talkpath.app.doctor import words as texts
from talkpath.app.doctor.host import clock, descriptors, directory, kernel
from talkpath.app.doctor.look import Health, Look, problems
from talkpath.app.doctor.outside import look_outside
from talkpath.app.doctor.ports import listeners, media_ports
from talkpath.app.gateways.by_hand import lacking
from talkpath.app.metrics.vitals import Vitals
from talkpath.app.node.control import ControlClient
from talkpath.app.state.directory import DATABASE, recordings_directory, state_directory
from talkpath.app.state.private import readable_secrets
from talkpath.app.status.command import bytes_said, certificate_problems, disk_problems, problems_of
from talkpath.base.texts import Language

_HEADS = (texts.SUBJECT, texts.STATE, texts.WHAT)
_SAID = {Health.GOOD: texts.GOOD, Health.NOTE: texts.NOTE, Health.PROBLEM: texts.PROBLEM}
_COLOUR = {Health.GOOD: "green", Health.NOTE: "yellow", Health.PROBLEM: "red"}
_STUN_PORT = 3478
_DAY_S = 86_400


def print_health(
    config: Config, file: Path | None, stun: Sequence[str], language: Language, *, as_json: bool
) -> bool:
    """Print what was seen; whether there is no problem. Raises `Misuse`."""
    looks = list(examine(config, file, [_server(one) for one in stun]))
    bad = sum(1 for one in looks if one.health is Health.PROBLEM)
    if as_json:
        rows = [
            {"subject": one.subject.en, "state": one.health.value, "what": one.seen.say(language)} for one in looks
        ]
        print_json({"looks": rows, "problems": bad})
        return not bad
    cells = (
        (
            one.subject.say(language),
            RichText(_SAID[one.health].say(language), style=_COLOUR[one.health]),
            one.seen.say(language),
        )
        for one in looks
    )
    print_rows(_HEADS, cells, language)
    end = phrase(texts.PROBLEMS, count=bad) if bad else phrase(texts.WELL)
    print(end.say(language), file=sys.stderr)
    return not bad


def examine(config: Config, file: Path | None, stun: Sequence[tuple[str, int]]) -> Iterator[Look]:
    """Look at one thing after another; `stun` are the servers that may be asked where the Internet sees us."""
    state = state_directory(config)
    status = ControlClient(state).status()
    if status is None:
        yield Look(texts.EDGE, Health.GOOD, phrase(texts.RUNS_NOT))
    else:
        yield Look(texts.EDGE, Health.GOOD, phrase(texts.RUNS, version=status.version))
        # Certificates and disks have their own place below.
        rest = msgspec.structs.replace(status, certificates={}, disks={})
        yield from problems(texts.EDGE, problems_of(rest))
    yield from _configuration(config, file)
    yield from listeners(config, state, status)
    yield from media_ports(config, state)
    yield from asyncio.run(look_outside(config, state, stun))
    yield clock()
    yield from descriptors(config, status)
    yield kernel(config, status)
    yield from directory(state)
    vitals = Vitals(lambda: _certificates(config), _places(config, state), state / DATABASE, 0)
    yield from _certificate(config, vitals.certificates() if status is None else status.certificates)
    yield from _disk(vitals.disks() if status is None else status.disks)


def _configuration(config: Config, file: Path | None) -> Iterator[Look]:
    """What `talkpath check` says of it."""
    unfit = [what for _, what in (*lacking_here(config), *unfit_certificate(config), *unfit_others(config))]
    said = [*remarks(config), *readable_secrets(config, file), *lacking(config), *remarks_here(config)]
    yield from problems(texts.CONFIGURATION, unfit)
    yield from (Look(texts.CONFIGURATION, Health.NOTE, one) for one in said)
    if not unfit and not said:
        good = phrase(words.CONFIG_DEFAULTS) if file is None else phrase(words.CONFIG_GOOD, file=file)
        yield Look(texts.CONFIGURATION, Health.GOOD, good)


def _certificates(config: Config) -> dict[str, Path]:
    """Those that an edge would show, by the names that `talkpath status` gives them. A self-signed one is made anew
    when it is time, and needs no look."""
    if not config.tls.certificate or not any(door.transport.is_secure for door in config.doors):
        return {}
    others = {one.certificate: Path(one.certificate) for one in config.tls.others}
    return {"tls": Path(config.tls.certificate)} | others


def _certificate(config: Config, ends: dict[str, float]) -> Iterator[Look]:
    now = time.time()
    bad = list(certificate_problems(ends, now))
    yield from problems(texts.CERTIFICATE, bad)
    if bad:
        return
    for name, at in ends.items():
        lasts = phrase(texts.CERTIFICATE_LASTS, name=name, days=int((at - now) // _DAY_S))
        yield Look(texts.CERTIFICATE, Health.GOOD, lasts)
    if not ends:
        is_needed = any(door.transport.is_secure for door in config.doors)
        none = phrase(texts.SELF_SIGNED if is_needed else texts.NONE_NEEDED)
        yield Look(texts.CERTIFICATE, Health.GOOD, none)


def _places(config: Config, state: Path) -> dict[str, Path]:
    """The directories that fill; of one that is still to be made, where it will be."""
    places = {"state": state}
    if config.recording.directory:
        places["recordings"] = recordings_directory(config, state)
    return {name: _existing(path) for name, path in places.items()}


def _existing(path: Path) -> Path:
    return next(one for one in (path, *path.absolute().parents) if one.exists())


def _disk(disks: dict[str, tuple[int, int]]) -> Iterator[Look]:
    bad = list(disk_problems(disks))
    yield from problems(texts.DISK, bad)
    if not bad:
        for place, (_, room) in disks.items():
            yield Look(texts.DISK, Health.GOOD, phrase(texts.ROOM, room=bytes_said(room), place=place))


def _server(text: str) -> tuple[str, int]:
    found = parse_endpoint(text)
    if found is None:
        raise Misuse("bad-stun", phrase(texts.BAD_STUN, value=text))
    return found[0], found[1] or _STUN_PORT
