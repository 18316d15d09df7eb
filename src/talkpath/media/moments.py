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
# No codec can be common with the {side}: offered are {codecs}.
NO_COMMON_CODEC = "media.no-common-codec"
# The media cannot be relayed: {why}.
REFUSED = "media.refused"
# The offer of {side} was rejected; the media goes on as agreed before.
ROLLED_BACK = "media.rolled-back"
# The caller hears branch {leg} from now on: {why}.
CONNECTED = "media.connected"
# The {side} sends from {remote} and not from {announced} as announced; its media goes there.
LATCHED = "media.latched"
# The {side} sends from {remote} again, as it announced.
LATCHED_BACK = "media.latched-back"
# RTCP of the {side} comes from {remote}, where ours goes from now on.
LATCHED_RTCP = "media.latched-rtcp"
# Nothing comes from {announced}, where the {side} said it is: it is heard from {remote}.
ELSEWHERE = "media.elsewhere"
# The {side} reports that our packets come.
CONFIRMED = "media.confirmed"
# The {side} reports that nothing came of {packets} packets.
UNHEARD = "media.unheard"
# First sound from the {side} ({codec}).
FIRST_SOUND = "media.first-sound"
# First packet from the {side} ({remote}).
FIRST_PACKET = "media.first-packet"
# The {side} put the call on hold.
HELD = "media.held"
# The {side} took the call back.
RESUMED = "media.resumed"
# No packet from the {side} for {seconds} s; the call is ended on both sides.
TIMEOUT = "media.timeout"
# The {side} confirmed nothing and was silent for {seconds} s, and did not come back; the call is ended on both sides.
GONE = "media.gone"
# The same where nobody sends any more.
TIMEOUT_BOTH = "media.timeout-both"
# Of what came to the port of the {side}: {strangers} of others, {unauthentic} not authentic, {replayed} heard before.
DROPPED = "media.dropped"
# What was dropped of strangers at the port of the {side} came from {sources}.
DROPPED_FROM = "media.dropped-from"
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
# The {side} takes only {offered}: converted between {own} and {other}.
TRANSCODING = "codec.transcoding"
# The sides share {codec}; the {side} may also send others of {offered}, which would be converted.
TRANSCODING_READY = "codec.transcoding-ready"
# The sides share a codec again, {codec}: nothing is converted any more.
TRANSCODING_ENDED = "codec.transcoding-ended"
# The {side}, a page, knows payload types by other numbers: {numbers}.
RENUMBERED = "media.renumbered"
# The {side}, a page, is told nothing of the header extensions {numbers}.
EXTENSIONS = "media.extensions-left-out"
# The {side}, a page, is told nothing of these lines: {lines}.
LINES = "media.lines-left-out"
# The call begins on hold; the {side}, a page, is not told, for it would stay mute.
HOLD_KEPT = "media.hold-kept"
# The INVITE brings no offer: the {side} gets one of ours.
PROPOSED = "media.proposed"
# The {side} takes no events (RFC 4733): keys are played to it as tones.
KEYS_AS_TONES = "codec.keys-as-tones"
# The {side} and we have no SDES suite in common.
SRTP_UNKEYED = "srtp.unkeyed"
# The service {service} answered.
SERVICE_ANSWERED = "service.answered"
# What was announced was played to the {sides} ("sides" for both), for {seconds} s.
ANNOUNCED = "media.announced"
# The call ended before the {sides} had heard all of what was announced.
ANNOUNCEMENT_CUT = "media.announcement-cut"
# Nothing can be announced to the {side}: {why} ("encrypted", or "codec" where it takes {codecs} only).
NOT_ANNOUNCED = "media.not-announced"
# A stranger wants to hear a tone at {remote}, where he is not.
SERVICE_WITHHELD = "service.withheld"

# --- towards WebRTC; all of them have `side`

# Of {what}, {count} more are not told.
LEFT_OUT = "media.left-out"
# Towards the {side} we named the candidate {candidate}.
ICE_OWN_CANDIDATE = "ice.own-candidate"
# The {side} named the candidate {candidate}.
ICE_CANDIDATE = "ice.candidate"
# The candidate {candidate} of the {side} is passed over: {why}.
ICE_CANDIDATE_IGNORED = "ice.candidate-ignored"
# The address {candidate} was learnt from a check: it is the {side}'s.
ICE_LEARNT = "ice.learnt"
# The {side} sees us at {candidate}.
ICE_LEARNT_LOCAL = "ice.learnt-local"
# First check {local} to {remote} sent.
ICE_CHECK_SENT = "ice.check-sent"
# First check of {remote} received and answered.
ICE_CHECK_RECEIVED = "ice.check-received"
# {remote} answered our check after {ms} ms.
ICE_CHECK_ANSWERED = "ice.check-answered"
# {received} checks of the {side} answered, {sent} of ours sent, {answered} answered; {dropped} dropped.
ICE_CHECKS = "ice.checks"
# A role conflict was decided: we are {role}.
ICE_ROLE = "ice.role"
# The {side} restarted ICE.
ICE_RESTARTED = "ice.restarted"
# The pair {local} and {remote} passed its check.
ICE_CHECKED = "ice.checked"
# The check {local} to {remote} failed: {why}.
ICE_CHECK_FAILED = "ice.check-failed"
# The pair {local} and {remote} is selected.
ICE_SELECTED = "ice.selected"
# No pair passed: {why}.
ICE_FAILED = "ice.failed"
# Media of the {side} moves to the pair {local} and {remote}.
ICE_PAIR_CHANGED = "ice.pair-changed"
# The {side} answers again, from {remote}.
ICE_CONSENT_REGAINED = "ice.consent-regained"
# The {side} no longer answers consent checks.
ICE_CONSENT_LOST = "ice.consent-lost"
# Our ClientHello went to {remote}.
DTLS_HELLO_SENT = "dtls.hello-sent"
# An alert of {remote} is ignored (level {level}, description {description}).
DTLS_ALERT_IGNORED = "dtls.alert-ignored"
# The {side} closed DTLS.
DTLS_CLOSED = "dtls.closed"
# ClientHello from {remote}: DTLS {versions}, cipher suites {ciphers}, {profiles}.
DTLS_CLIENT_HELLO = "dtls.client-hello"
# The handshake with {remote} failed: {why}.
DTLS_REFUSED = "dtls.refused"
# The certificate of {remote} is the one that was signalled.
DTLS_FINGERPRINT_RIGHT = "dtls.fingerprint-right"
# The certificate of {remote} is not the one that was signalled.
DTLS_FINGERPRINT_WRONG = "dtls.fingerprint-wrong"
# No fingerprint that the {side} gives for its {what} can be checked: it is rejected.
DTLS_UNPROVEN = "dtls.unproven"
# The {side} is keyed by {how} ({profile}).
SRTP_KEYED = "srtp.keyed"

# --- the first broken link of a side's chain, told when an answered call ends; all of them have `side`

# No check of the {side} came, none of ours was answered.
NO_CHECK = "chain.no-check"
# Checks passed, but no pair was nominated.
NO_PAIR = "chain.no-pair"
# The pair stands, but no ClientHello came.
NO_HELLO = "chain.no-hello"
# The handshake began and was not completed.
NO_KEYS = "chain.no-keys"
# The handshake was completed with another certificate than was signalled.
WRONG_CERTIFICATE = "chain.wrong-certificate"
# Not one media packet came.
NO_PACKET = "chain.no-packet"
# Packets came, and there was no sound in them.
NO_SOUND = "chain.no-sound"
