"""A cap that stands in Python and in Rust is one number: what names its twin is compared, nothing else names one."""

import re
from pathlib import Path

from talkpath.base import limits
from talkpath.calls import ids
from talkpath.edge.admission import guard
from talkpath.edge.forwarding import sending
from talkpath.media import engine

CRATE = Path(__file__).resolve().parents[2] / "native" / "src"

#: place and name in the crate -> what Python says
TWINS = {
    "calls/described.rs MAX_LINES": limits.SDP_LINES,
    "capture/limits.rs MESSAGE_BYTES": limits.SIP_MESSAGE_BYTES,
    "datagram.rs DATAGRAM": limits.SIP_MESSAGE_BYTES,
    "relay/ahead.rs HEIRS": engine.HEIRS,
    "relay/bundle.rs SECTIONS": 2 * limits.MEDIA_SECTIONS,
    "sip/mod.rs MAX_HEADERS": limits.SIP_HEADERS,
    "tee/mod.rs BUFFER_BYTES": limits.RECORDING_BUFFER_BYTES,
    "tee/mod.rs QUEUE_BYTES": limits.RECORDING_QUEUE_BYTES,
    # No caps, but numbers that one side would go on with alone.
    "calls/said.rs LARGE_BYTES": sending._SAFE_DATAGRAM_BYTES,
    "calls/id.rs TIME_CHARACTERS": ids._TIME_CHARACTERS,
    "guard/mod.rs KINDS": len(guard.KINDS),
    "guard/mod.rs INVITE": guard._BY_METHOD["INVITE"],
    "guard/mod.rs OPTIONS": guard._BY_METHOD["OPTIONS"],
    "guard/mod.rs REGISTER": guard._BY_METHOD["REGISTER"],
    "guard/mod.rs OTHER": guard._OTHER,
    "guard/mod.rs WRONG": guard._WRONG,
}
_CONSTANT = re.compile(
    r"((?:^\s*///[^\n]*\n)*)^\s*(?:pub(?:\(\w+\))? )?const ([A-Z_]+): [iu](?:size|\d+) = ([\d_]+);", re.M
)


def constants() -> dict[str, tuple[int, str]]:
    """Each plain number of the crate: its value, and what is said of it."""
    found: dict[str, tuple[int, str]] = {}
    for path in CRATE.rglob("*.rs"):
        for said, name, value in _CONSTANT.findall(path.read_text()):
            found[f"{path.relative_to(CRATE)} {name}"] = (int(value.replace("_", "")), said)
    return found


def test_both_languages_say_the_same() -> None:
    native = constants()
    assert {place: native[place][0] for place in TWINS} == TWINS


def test_whatever_names_its_twin_is_compared() -> None:
    naming = {place for place, (_, said) in constants().items() if "limits.py" in said}
    assert naming <= TWINS.keys()
    for place in naming:
        (name,) = re.findall(r"`base/limits\.py` ([A-Z_]+)", constants()[place][1])
        assert TWINS[place] % getattr(limits, name) == 0


def test_no_other_place_speaks_of_the_caps_of_python() -> None:
    lines = [line for path in CRATE.rglob("*.rs") for line in path.read_text().splitlines() if "limits.py" in line]
    assert len(lines) == sum("limits.py" in said for _, said in constants().values())
