"""What `talkpath status` shows: how the running edge is, on one screen, and what somebody should look after."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text as RichText

from talkpath.app.calls.own import OwnCalls
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, Trouble, phrase
from talkpath.app.console.rows import print_json
from talkpath.app.node.control import ControlClient
from talkpath.app.state.directory import state_directory
from talkpath.app.status import words as texts
from talkpath.app.status.rows import Status
from talkpath.base.errors import Unavailable
from talkpath.base.readable import printable
from talkpath.base.texts import Language, Text
from talkpath.calls.words import RESULTS
from talkpath.store.history import Wanted

_HOUR_S = 3_600.0
_DAY_S = 86_400.0
# Of the last hour so many calls are looked at; a screen needs no more.
_MOST_CALLS = 5_000
# From when on somebody should look after it.
_LAG_S = 0.5
_FEW_DAYS = 14
_LITTLE_ROOM = 0.05
_MOST_FILES = 0.8
_WELL_GATEWAYS = ("new", "up", "trial", "disabled")


def print_status(config: Config, language: Language, *, as_json: bool) -> bool:
    """Print it; whether nothing needs looking after. Raises `Trouble` without an edge."""
    status = ControlClient(state_directory(config)).status()
    if status is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    results = _last_hour(config)
    problems = list(problems_of(status))
    if as_json:
        said = [one.say(language) for one in problems]
        print_json({"status": status, "last_hour": results, "problems": said})
        return not problems
    rows = [(head.say(language), printable(text)) for head, text in _rows(status, results, language)]
    print(_first_line(status, language))
    if sys.stdout.isatty():
        table = Table(box=None, show_header=False, pad_edge=False)
        for head, text in rows:
            table.add_row(RichText(head, style="bold"), RichText(text))
        Console().print(table)
    else:
        print("".join(f"{head}\t{text}\n" for head, text in rows), end="")
    for one in problems:
        print(f"{texts.PROBLEMS.say(language)}\t{printable(one.say(language))}")
    if not problems:
        print(texts.WELL.say(language))
    return not problems


def _last_hour(config: Config) -> dict[str, int]:
    """How the calls of the last hour ended; nothing where the history cannot be read."""
    try:
        with OwnCalls(config).rows(Wanted(since=time.time() - _HOUR_S, limit=_MOST_CALLS)) as (rows, _):
            return dict(Counter(row.result.value for row in rows if row.ended_at is not None))
    except Unavailable:
        return {}


def problems_of(status: Status) -> Iterator[Phrase]:
    """What somebody should look after, the most urgent first."""
    yield from certificate_problems(status.certificates, status.now)
    for name, state in status.gateways.items():
        if state not in _WELL_GATEWAYS:
            yield phrase(texts.GATEWAY_DOWN, name=name, state=state)
    yield from disk_problems(status.disks)
    if status.store_lost:
        yield phrase(texts.LOST, count=status.store_lost)
    if status.loop_worst_s > _LAG_S:
        yield phrase(texts.LAG, lag=status.loop_worst_s * 1000)
    if status.files_open > _MOST_FILES * status.files_max:
        yield phrase(texts.FILES, files=status.files_open, most=status.files_max)
    if status.faults:
        yield phrase(texts.FAULTS, count=status.faults)


def certificate_problems(certificates: Mapping[str, float], now: float) -> Iterator[Phrase]:
    """Of certificates by the time at which each ends, 0 for one that cannot be read."""
    for name, ends in certificates.items():
        days = (ends - now) / _DAY_S
        if not ends:
            yield phrase(texts.CERTIFICATE_UNREADABLE, name=name)
        elif days < 0:
            yield phrase(texts.CERTIFICATE_ENDED, name=name)
        elif days < _FEW_DAYS:
            yield phrase(texts.CERTIFICATE_ENDS, name=name, days=int(days))


def disk_problems(disks: Mapping[str, tuple[int, int]]) -> Iterator[Phrase]:
    """Of disks with their size and room in bytes."""
    for place, (size, room) in disks.items():
        if size and room / size < _LITTLE_ROOM:
            yield phrase(texts.DISK_FULL, place=place, room=bytes_said(room), share=room / size)


def _first_line(status: Status, language: Language) -> str:
    said = [texts.RUNS.say(language, version=status.version, time=_span(status.now - status.started))]
    if status.node:
        said.append(texts.OF_NODE.say(language, node=status.node))
    if status.is_draining:
        said.append(texts.DRAINING.say(language))
    return printable(" · ".join(said))


def _rows(status: Status, results: Mapping[str, int], language: Language) -> Iterator[tuple[Text, str]]:
    yield texts.LISTENS, ", ".join(status.listeners)
    yield texts.PHONES, _phones(status, language)
    if status.connections:
        yield texts.CONNECTIONS, _counts(status.connections)
    yield texts.CALLS, _calls(status, results, language)
    if status.gateways:
        yield texts.GATEWAYS, ", ".join(f"{name} {state}" for name, state in status.gateways.items())
    yield texts.BANS, str(status.bans)
    yield texts.HOST, _host(status, language)
    if status.certificates:
        days = {name: int((ends - status.now) // _DAY_S) for name, ends in status.certificates.items() if ends}
        yield (
            texts.CERTIFICATE,
            ", ".join(texts.DAYS.say(language, name=name, days=left) for name, left in days.items()),
        )


def _phones(status: Status, language: Language) -> str:
    total = sum(status.registrations.values())
    said = [f"{total} ({_counts(status.registrations)})" if total else texts.NONE.say(language)]
    for text, count in (
        (texts.ELSEWHERE, status.registrations_elsewhere),
        (texts.GONE, status.phones_gone),
        (texts.FAILING, status.failing),
        (texts.GUESTS, status.guests),
    ):
        if count:
            said.append(text.say(language, count=count))
    return ", ".join(said)


def _calls(status: Status, results: Mapping[str, int], language: Language) -> str:
    ended = {name.say(language): results[kind.value] for kind, name in RESULTS.items() if results.get(kind.value)}
    hour = texts.LAST_HOUR.say(language, results=_counts(ended)) if ended else texts.NO_CALLS.say(language)
    said = [texts.RUNNING.say(language, count=status.running_calls), hour]
    if status.media_in_kernel:
        said.append(texts.IN_KERNEL.say(language, count=status.media_in_kernel))
    if status.media_by_sockets:
        said.append(texts.BY_SOCKETS.say(language, reason=status.media_by_sockets))
    if status.recordings:
        said.append(texts.RECORDINGS.say(language, count=status.recordings))
    return ", ".join(said)


def _host(status: Status, language: Language) -> str:
    values = {"memory": bytes_said(status.memory), "files": status.files_open, "most": status.files_max}
    said = [texts.OF_HOST.say(language, lag=status.loop_worst_s * 1000, **values)]
    said += [
        texts.DISK.say(language, room=bytes_said(room), place=place) for place, (_, room) in status.disks.items()
    ]
    if status.store_waiting:
        said.append(texts.STORE.say(language, count=status.store_waiting))
    return ", ".join(said)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def bytes_said(size: float) -> str:
    """A size for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _span(seconds: float) -> str:
    days, left = divmod(max(0, round(seconds)), 86_400)
    hours, left = divmod(left, 3_600)
    minutes, left = divmod(left, 60)
    return f"{days} d {hours} h" if days else f"{hours}:{minutes:02}:{left:02}"
