"""A point in time as a person writes it on a command line."""

import re
import time
from datetime import datetime

from talkpath.app import words
from talkpath.app.console.phrase import Misuse, phrase

_SPAN = re.compile(r"^(\d+)([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
# Eight digits are a date.
_EPOCH = re.compile(r"^(?!\d{8}$)\d+(\.\d*)?$")


def moment(text: str, now: float | None = None) -> float | None:
    """Seconds since the epoch, None for "": of a span back from now (30m, 2h, 3d), a time of today (14:30), a time of
    ISO 8601 in local time, or such seconds themselves. Raises `Misuse`."""
    if not text:
        return None
    if _EPOCH.match(text):
        return float(text)
    now = time.time() if now is None else now
    span = _SPAN.match(text)
    if span is not None:
        return now - int(span[1]) * _SECONDS[span[2]]
    try:
        if re.match(r"^\d{1,2}:\d{2}$", text):
            text = f"{datetime.fromtimestamp(now).date().isoformat()}T{text:0>5}"
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        from talkpath.base.readable import printable

        raise Misuse("bad-time", phrase(words.BAD_TIME, given=printable(text))) from None
