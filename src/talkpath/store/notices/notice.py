"""What is told of a recording: that it is kept now, or that there is none, with its manifest.

A notice has the same id and the same body each time that it is tried, whoever makes it: who gets one twice knows it.
"""

from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

import msgspec

from talkpath.store.recordings.manifest import Manifest, State

SCHEMA = "talkpath-notice/1"


class Kind(StrEnum):
    """A recording is where it is to stay, or there is none though a call was recorded."""

    SAVED = "recording.saved"
    FAILED = "recording.failed"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One notice as it is kept. Times are seconds since the epoch; `trouble` is why the last of the `tries` failed.
    When it was `told` its body is kept no longer."""

    schema: str = SCHEMA
    id: str
    kind: Kind
    made: float
    body: str = ""
    tries: int = 0
    trouble: str = ""
    told: float | None = None


def kind_of(one: Manifest, *, is_to_be_stored: bool) -> Kind | None:
    """What there is to tell of a recording; None where it is not yet, or no more, to be told of."""
    match one.state:
        case State.FAILED:
            return Kind.FAILED
        case State.COMPLETE | State.RECOVERED:
            return Kind.SAVED if one.in_store or not is_to_be_stored else None
        case State.RECORDING | State.REMOVED:
            return None


def notice_of(one: Manifest, kind: Kind, now: float) -> Notice:
    """The notice. Its id holds no dot, which would be taken for a border in what is signed."""
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = msgspec.json.encode({"type": kind, "timestamp": at, "data": one})
    digest = sha256(f"{kind} {one.name}".encode()).hexdigest()
    return Notice(id=f"rec_{digest[:32]}", kind=kind, made=now, body=body.decode())
