"""The kinds of moments that media makes of a call, with their values; `calls/words.py` says them to people.

`side` is "caller" or "callee"; `media` is a list such as "audio (opus, PCMA), video (VP8)".
"""

from collections.abc import Mapping
from typing import NamedTuple

Value = str | int | float | bool | None


class MediaMoment(NamedTuple):
    """Something that was decided or happened: its kind, and the values that its sentence needs."""

    time: float
    kind: str
    values: Mapping[str, Value]


# The {side} offers {media}.
OFFERED = "media.offered"
# The {side} answers {media}.
ANSWERED = "media.answered"
# Leased {local} towards the {side}.
LEASED = "media.leased"
# The media cannot be relayed: {why}.
REFUSED = "media.refused"
# The offer of {side} was rejected; the media goes on as agreed before.
ROLLED_BACK = "media.rolled-back"
# The caller hears branch {leg} from now on: {why}.
CONNECTED = "media.connected"
# The {side} sends from {remote} and not from {announced} as announced; its media goes there.
LATCHED = "media.latched"
# First packet from the {side} ({remote}).
FIRST_PACKET = "media.first-packet"
# The {side} put the call on hold.
HELD = "media.held"
# The {side} took the call back.
RESUMED = "media.resumed"
# No packet from the {side} for {seconds} s; the call is ended on both sides.
TIMEOUT = "media.timeout"
# Media is released: {packets} packets relayed.
ENDED = "media.ended"
# The {side} offers {what}, which passes us by: its media is not relayed.
UNANCHORED = "media.unanchored"
# The {side} offers {what}, which cannot be relayed and is rejected.
NOT_RELAYED = "media.not-relayed"
# A further section of the {side} shares the transport at {local} (RFC 9143).
BUNDLED = "media.bundled"
# ICE of the {side} ({candidates} candidates) is left out: our addresses stand in for its own.
ICE_REMOVED = "media.ice-removed"
# The media of the {side} is encrypted end to end ({profile}); it is relayed unread, its level is not measured.
OPAQUE = "media.opaque"
# The {side} answers from {announced}, an address of another family than {local}; its media cannot be reached.
FAMILY_MISMATCH = "media.family-mismatch"
# The codec is {codec}.
CODEC_CHOSEN = "codec.chosen"
# The {side} and we have no SDES suite in common.
SRTP_UNKEYED = "srtp.unkeyed"
# The service {service} answered.
SERVICE_ANSWERED = "service.answered"

# --- towards WebRTC; all of them have `side`

# The {side} named the candidate {candidate}.
ICE_CANDIDATE = "ice.candidate"
# The candidate {candidate} of the {side} is passed over: {why}.
ICE_CANDIDATE_IGNORED = "ice.candidate-ignored"
# The pair {local} and {remote} passed its check.
ICE_CHECKED = "ice.checked"
# The check {local} to {remote} failed: {why}.
ICE_CHECK_FAILED = "ice.check-failed"
# The pair {local} and {remote} is selected.
ICE_SELECTED = "ice.selected"
# No pair passed: {why}.
ICE_FAILED = "ice.failed"
# The {side} no longer answers consent checks.
ICE_CONSENT_LOST = "ice.consent-lost"
# ClientHello from {remote}.
DTLS_CLIENT_HELLO = "dtls.client-hello"
# The handshake with {remote} failed: {why}.
DTLS_REFUSED = "dtls.refused"
# The certificate of {remote} is the one that was signalled.
DTLS_FINGERPRINT_RIGHT = "dtls.fingerprint-right"
# The certificate of {remote} is not the one that was signalled.
DTLS_FINGERPRINT_WRONG = "dtls.fingerprint-wrong"
# The {side} is keyed by {how} ({profile}).
SRTP_KEYED = "srtp.keyed"
