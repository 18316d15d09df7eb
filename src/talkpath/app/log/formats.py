"""How lines of the log leave: as text, as JSON, to the journal, or to syslog.

A line may have fields besides its text (`said`): what it is about, for whoever filters. They are words and numbers of
the sentence; secrets are in none.
"""

import json
import logging
import os
import socket
import sys
import traceback
from collections.abc import Mapping
from datetime import datetime
from logging.handlers import SysLogHandler
from pathlib import Path
from typing import Any, Literal

from talkpath.app.console.phrase import Phrase
from talkpath.base import limits
from talkpath.base.readable import brief, printable, readable
from talkpath.base.texts import Language

Format = Literal["text", "json", "journal", "syslog"]

JOURNAL = Path("/run/systemd/journal/socket")
SYSLOG = Path("/dev/log")
_NAME = "talkpath"
#: What logging calls the handler that writes our lines.
HANDLER = "talkpath"
# Priorities of syslog (RFC 5424 section 6.2.1), by the least level that has them.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


def tell(log: logging.Logger, level: int, event: str, what: Phrase, language: Language) -> None:
    """Write a sentence; `event` is its name in a word, and its values are fields beside it."""
    values = {name: value for name, value in what.values.items() if isinstance(value, str | int | float)}
    log.log(level, "%s", what.say_briefly(language), extra={"fields": {"event": event, **values}})


def handler_of(wanted: Format) -> logging.Handler:
    """What writes in a format; text on standard error where the journal or syslog is not there."""
    handler = _handler_of(wanted)
    handler.set_name(HANDLER)
    return handler


def _handler_of(wanted: Format) -> logging.Handler:
    if wanted == "journal" and JOURNAL.exists():
        return JournalHandler(JOURNAL)
    if wanted == "syslog" and SYSLOG.exists():
        handler: logging.Handler = SysLogHandler(str(SYSLOG), SysLogHandler.LOG_DAEMON)
        handler.setFormatter(Plain(f"{_NAME}[{os.getpid()}]: %(message)s"))
        return handler
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if wanted == "json" else Plain("%(asctime)s %(message)s"))
    return handler


class Plain(logging.Formatter):
    """A message is one line and a traceback some lines of text, whatever a peer put into them."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return "\n".join(line(one) for one in super().formatException(ei).split("\n"))


class Json(logging.Formatter):
    """One object a line: `time` (ISO 8601 with its zone), `level`, `logger`, `message`, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": line(record.getMessage()),
        }
        if trace := trace_of(record):
            said["traceback"] = trace
        return json.dumps({**fields_of(record), **said}, ensure_ascii=False)


class JournalHandler(logging.Handler):
    """Writes to systemd's journal in its own protocol, so that `journalctl TALKPATH_USER=1001` finds what is told of
    that user: each field is one of the entry, in capitals behind TALKPATH_."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        """Where the journal takes nothing, the line goes to standard error."""
        text = line(record.getMessage())
        if trace := trace_of(record):
            text = f"{text}\n{trace}"
        entry = {
            "MESSAGE": text,
            "PRIORITY": str(priority_of(record.levelno)),
            "SYSLOG_IDENTIFIER": _NAME,
            "LOGGER": record.name,
            **{f"TALKPATH_{name.upper()}": str(value) for name, value in fields_of(record).items()},
        }
        try:
            self._socket.sendto(_entry(entry), self._path)
        except OSError:
            print(text, file=sys.stderr)

    def close(self) -> None:
        self._socket.close()
        super().close()


def _entry(fields: Mapping[str, str]) -> bytes:
    """Fields as the journal reads them: what has line ends stands behind its length."""
    parts = []
    for name, value in fields.items():
        data = value.encode("utf-8", "replace")
        if b"\n" in data:
            parts.append(name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n")
        else:
            parts.append(name.encode() + b"=" + data + b"\n")
    return b"".join(parts)


def fields_of(record: logging.LogRecord) -> dict[str, str | int | float]:
    """What a line has besides its text. A peer wrote some of it."""
    fields: dict[str, str | int | float] = getattr(record, "fields", {})
    return {
        name: brief(readable(value), limits.LOGGED_VALUE) if isinstance(value, str) else value
        for name, value in fields.items()
    }


def trace_of(record: logging.LogRecord) -> str:
    """The traceback of a line, each of its lines of bounded length; "" for none."""
    if record.exc_info is None or record.exc_info[1] is None:
        return ""
    return "\n".join(line(one) for one in "".join(traceback.format_exception(record.exc_info[1])).splitlines())


def priority_of(level: int) -> int:
    """A level as syslog and the journal know it."""
    return next((priority for least, priority in _PRIORITIES if level >= least), _DEBUG)


def line(text: str) -> str:
    """Text as one line of bounded length."""
    return printable(brief(text, limits.LOGGED_LINE))
