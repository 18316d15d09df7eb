"""The manifest of a recording: a JSON object, its schema named in `schema` (docs/guide/recording.md describes it).

What is added later has a default, so that an older manifest stays readable; what changes its meaning gets another
schema. Keys of SRTP are nowhere in it, nor in the descriptions that it is made of.
"""

from enum import StrEnum
from pathlib import Path

import msgspec

from talkpath.base.errors import Malformed
from talkpath.sdp import SessionDescription

SCHEMA = "talkpath-recording/1"


class State(StrEnum):
    """`REMOVED` is pruned: the manifest stays, so that nobody takes the file for lost."""

    RECORDING = "recording"
    COMPLETE = "complete"
    RECOVERED = "recovered"
    FAILED = "failed"
    REMOVED = "removed"


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes part: `leg` 0 is the caller. `user` is an account of ours, `name` what From or To says."""

    leg: int
    side: str
    name: str = ""
    number: str = ""
    user: str = ""
    gateway: str = ""
    remote: str = ""


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """What a payload type means, as in rtpmap."""

    payload_type: int
    name: str
    clock: int


class Medium(msgspec.Struct, frozen=True, kw_only=True):
    """Packets that came to our `port` are this, from the time `since` on: what the side was told that it may send."""

    side: str
    section: int
    kind: str
    address: str
    port: int
    since: float
    codecs: tuple[Codec, ...] = ()


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A gap; `end` None where the recording ended in it."""

    start: float
    end: float | None = None
    by: str = ""


#: `Stored.where` of what is on the disk of the edge, and of what is in a store.
LOCAL, STORE = "local", "store"


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file is kept: `local` with a path below the directory, or `store` with one below `url`, and what it has
    there: sealed (.age), that is another size and SHA-256 than the recording's."""

    where: str
    path: str
    url: str = ""
    bytes: int | None = None
    sha256: str = ""


def local(name: str) -> Stored:
    """Where the packets of a recording are kept on the disk of the edge."""
    return Stored(where=LOCAL, path=f"pcaps/{name}.pcap")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One recording. Times are seconds since the epoch (UTC); `result` is how the call went, `end` how the recording
    ended: call-ended, stopped, edge-stopped, or edge-died where nobody could say it any more. `edge` is who recorded
    it, by the name of its mark in the directory (`atwork`); `continues` is the recording of the same call that
    another process began and this one goes on with."""

    schema: str = SCHEMA
    name: str
    state: State
    call_id: str
    link_type: str
    started: float
    started_by: str
    answered: float | None = None
    ended: float | None = None
    end: str = ""
    ended_by: str = ""
    result: str = ""
    parties: tuple[Party, ...] = ()
    media: tuple[Medium, ...] = ()
    pauses: tuple[Pause, ...] = ()
    packets: int = 0
    dropped: int = 0
    bytes: int = 0
    sha256: str = ""
    trouble: str = ""
    stored: tuple[Stored, ...] = ()
    removed: float | None = None
    edge: str = ""
    continues: str = ""

    @property
    def is_local(self) -> bool:
        """Whether its packets are to be in the directory."""
        return any(at.where == LOCAL for at in self.stored)

    @property
    def is_saved(self) -> bool:
        """Whether it is over and there are packets of it that nobody removed."""
        return self.state in (State.COMPLETE, State.RECOVERED)

    @property
    def in_store(self) -> tuple[Stored, ...]:
        """The files of it that a store holds."""
        return tuple(at for at in self.stored if at.where == STORE)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Whom it is found by."""
        return tuple(text for one in self.parties for text in (one.number, one.user) if text)

    @property
    def gateways(self) -> frozenset[str]:
        return frozenset(one.gateway for one in self.parties if one.gateway)


def encoded(manifest: Manifest) -> bytes:
    """For the file: people read it too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def read(path: Path) -> Manifest:
    """The manifest in a file. Raises OSError, and ValueError for what is none."""
    return manifest_in(path.read_bytes())


def known(path: Path) -> Manifest | None:
    """The same where nobody is to hear why there is none."""
    try:
        return read(path)
    except (OSError, ValueError):
        return None


def manifest_in(data: bytes) -> Manifest:
    """The manifest that is written so. Raises ValueError for what is none."""
    try:
        made = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    if made.schema != SCHEMA:
        raise ValueError(f"the schema {made.schema[:40]!r} is not known here")
    return made


def media_in(side: str, sdp: bytes, since: float) -> tuple[Medium, ...]:
    """What our ports in a description that `side` was sent will hear; nothing where it cannot be read."""
    try:
        session = SessionDescription.parse(sdp)
        found = []
        for index, section in enumerate(session.media):
            if not section.port:
                continue
            codecs = tuple(
                Codec(payload_type=codec.payload_type, name=codec.name, clock=codec.clock_hz)
                for codec in section.codecs
            )
            connection = section.connection or session.connection
            host = "" if connection is None else connection.host
            found.append(
                Medium(
                    side=side,
                    section=index,
                    kind=section.kind,
                    address=host,
                    port=section.port,
                    since=since,
                    codecs=codecs,
                )
            )
        return tuple(found)
    except Malformed:
        return ()
