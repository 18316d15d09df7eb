"""Encrypted audio that the other side cannot decrypt."""

import itertools
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from math import nan

from talkpath.base.texts import Text
from talkpath.calls.model import Leg, Medium
from talkpath.capture.records import RtpStream
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import as_evidence
from talkpath.explain.reading.chain import Described, described
from talkpath.explain.reading.decided import told
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath
from talkpath.explain.reading.traits import Trait
from talkpath.sdp.values import Crypto

# Bytes of master key and salt by suite (RFC 4568 section 6.2, RFC 6188, RFC 7714).
KEY_BYTES = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "F8_128_HMAC_SHA1_80": 30,
    "AES_192_CM_HMAC_SHA1_80": 38,
    "AES_256_CM_HMAC_SHA1_80": 46,
    "AES_256_CM_HMAC_SHA1_32": 46,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}

# Packets that fail to open by accident are fewer.
LEAST_PACKETS = 50
# Payload bytes per millisecond of codecs with a constant rate, and the lengths of SRTP's tags (RFC 3711, RFC 7714).
BYTES_PER_MS = {"PCMU": 8, "PCMA": 8, "G722": 8, "G729": 1}
TAG_BYTES = frozenset({4, 10, 16})

TAG = Text(
    "The answer takes crypto {tag} ({suite}); the offer had {offered}.",
    "应答选择 crypto {tag}（{suite}）；请求提供的是 {offered}。",
)
LENGTH = Text(
    "The key that {who} gives for {suite} has {real} bytes instead of {wanted}.",
    "{who}为 {suite} 给出的密钥有 {real} 字节，应为 {wanted} 字节。",
)
CHANGED = Text(
    "{host} passed on another key of {who} ({one} became {two}) while the media goes past it, directly to {address}.",
    "{host} 转发了不同的{who}密钥（{one} 变为 {two}），而媒体并不经过它，直接发往 {address}。",
)
WRONG_KEY = Text(
    "What {who} sends from {src} does not open with the key that {who} announced: it is sealed with another.",
    "{who}从 {src} 发送的数据无法用{who}声明的密钥解开：实际使用了另一个密钥。",
)
PLAIN = Text(
    "{who} sends plain RTP although {profile} had been agreed.", "双方约定 {profile}，但{who}发送的是明文 RTP。"
)
SEALED = Text(
    "{who} sends encrypted RTP although plain {profile} had been agreed.",
    "双方约定明文 {profile}，但{who}发送的是加密 RTP。",
)
PROFILE = Text(
    "The offer was {one}, the answer is {two}: one side encrypts, the other does not.",
    "请求为 {one}，应答为 {two}：一方加密，另一方不加密。",
)


def check(story: Story) -> Iterator[Found]:
    for path in story.talk.paths:
        evidence = list(_in_description(story, path))
        if story.call.is_own:  # we take the encryption off, and have keys of our own with each side
            evidence += _unopened(story, path)
        else:
            evidence += [*_changed_keys(story, path), *_on_the_wire(path)]
        if evidence:
            yield Found(tuple(evidence), leg=path.first_leg.index, direction=Direction.BOTH)
            return


def _in_description(story: Story, path: MediaPath) -> Iterator[Because]:
    if not _is_secured(path):
        return
    for leg in path.legs:
        offer, answer = _sides(story, leg)
        if offer is None or answer is None:
            continue
        yield from _compare(offer, answer)


def _sides(story: Story, leg: Leg) -> tuple[Described | None, Described | None]:
    invite = story.invite(leg)
    if invite is None or invite.answer is None:
        return None, None
    return described(invite.request), described(invite.answer)


def _compare(offer: Described, answer: Described) -> Iterator[Because]:
    frames = [*offer.seen.frames[:1], *answer.seen.frames[:1]]
    one, two = offer.section.protocol, answer.section.protocol
    if ("SAVP" in one) != ("SAVP" in two):
        yield because(PROFILE, frames, answer.seen.time, one=one, two=two)
        return
    offered, taken = offer.section.crypto, answer.section.crypto
    if offered and taken:
        same = [line for line in offered if line.tag == taken[0].tag]
        if not same or same[0].suite != taken[0].suite:
            listed = ", ".join(f"{line.tag} {line.suite}" for line in offered)
            values = {"tag": taken[0].tag, "suite": taken[0].suite, "offered": listed}
            yield because(TAG, frames, answer.seen.time, **values)
    for side, lines, is_caller in ((offer, offered, True), (answer, taken, False)):
        for line in lines:
            wanted, real = KEY_BYTES.get(line.suite), _key_bytes(line)
            if wanted and real != wanted:
                values = {"who": party(is_caller), "suite": line.suite, "real": real, "wanted": wanted}
                yield because(LENGTH, side.seen.frames[:1], side.seen.time, **values)
                return


def _key_bytes(line: Crypto) -> int:
    """The length of the first inline key; 0 when it is no base64."""
    text = line.keys.partition("inline:")[2].partition("|")[0].partition(";")[0]
    try:
        return len(b64decode(text, validate=True))
    except (NotBase64, ValueError):
        return 0


def _changed_keys(story: Story, path: MediaPath) -> Iterator[Because]:
    """Hops that share one media path must carry the same keys."""
    if not _is_secured(path):
        return
    for is_caller in (True, False):
        carried: list[tuple[Described, str]] = []
        for leg in path.legs:
            side = _sides(story, leg)[0 if is_caller else 1]
            if side is not None and side.section.crypto:
                carried.append((side, side.section.crypto[0].keys))
        for (before, one), (after, two) in itertools.pairwise(carried):
            if one != two:
                values = {"one": one[:20], "two": two[:20], "address": path.media[0].address, "who": party(is_caller)}
                frames = [*before.seen.frames[:1], *after.seen.frames[:1]]
                yield because(CHANGED, frames, after.seen.time, host=after.seen.source.host, **values)


def _unopened(story: Story, path: MediaPath) -> Iterator[Because]:
    """Packets of a side came to our port, and the keys opened none of them."""
    for moment in told(story, "media.dropped"):
        count = moment.values["unauthentic"]
        if isinstance(count, int) and count >= LEAST_PACKETS and not path.heard(moment.values["side"] == "caller"):
            yield as_evidence(moment)


def _is_secured(path: MediaPath) -> bool:
    return any("SAVP" in medium.profile for medium in path.media)


def _on_the_wire(path: MediaPath) -> Iterator[Because]:
    """What was agreed against what the packets look like; only a long stream tells."""
    for from_caller in (True, False):
        own, other = path.latest(from_caller), path.latest(not from_caller)
        for rtp in path.heard(from_caller):
            if own is None or other is None or rtp.packets < 100:
                continue
            secure = "SAVP" in own.profile and "SAVP" in other.profile
            plain = "SAVP" not in own.profile and "SAVP" not in other.profile
            frames = (rtp.first_frame,)
            values = {"who": party(from_caller), "profile": own.profile}
            extra = _extra_bytes(rtp)
            if secure and rtp.has_wrong_key and extra != 0:
                told_in = (*_announcement(path, own), rtp.first_frame, rtp.last_frame)
                yield because(WRONG_KEY, told_in, rtp.start, who=party(from_caller), src=rtp.src)
            if secure and extra == 0:
                yield because(PLAIN, frames, rtp.start, **values)
            elif plain and extra in TAG_BYTES:
                yield because(SEALED, frames, rtp.start, **values)


def _announcement(path: MediaPath, medium: Medium) -> tuple[int, ...]:
    """The frames in which a side told its key."""
    seen = (seen for leg in path.legs for seen in leg.messages if seen.time == medium.time)
    return tuple(frame for one in seen for frame in one.frames[:1])


def _extra_bytes(rtp: RtpStream) -> float:
    """How much longer its packets are than the sound in them: the authentication tag. NaN where unknown."""
    per_ms = BYTES_PER_MS.get(rtp.encoding.upper())
    if per_ms is None or len(rtp.payload_types) != 1 or not rtp.ptime_ms:
        return nan
    return rtp.payload_bytes / rtp.packets - per_ms * rtp.ptime_ms


RULE: Rule = Rule(
    code="srtp-key-mismatch",
    symptom=Symptom.NO_AUDIO,
    severity=Severity.ERROR,
    title=Text("The two sides do not use the same keys for the audio", "双方的语音加密密钥不一致"),
    why=Text(
        "What cannot be decrypted is thrown away, or played as noise.", "无法解密的包会被丢弃，或被当作噪声播放。"
    ),
    needs=Text(
        "Descriptions whose crypto lines do not fit (tag, suite, length, a key changed on a path it should "
        "only pass), "
        "one side secure and the other not, packets that are plain where encryption was agreed (or the reverse), or "
        "that do not open with the key their sender announced.",
        "crypto 行不匹配（标签、套件、长度，或在直通路径上被更换密钥），一方加密而另一方不加密，"
        "约定加密而包是明文（或相反），或包无法用发送方声明的密钥解开。",
    ),
    fix=Text(
        "Let one element own the keys of each hop: a relay that terminates SRTP must be in the media path, one that "
        "does not must leave a=crypto alone. Use the same suite and tag in the answer as in the offer.",
        "每一跳的密钥只由一个设备负责：终结 SRTP 的中继必须在媒体路径上，否则不得改动 a=crypto。"
        "应答应使用请求中的套件与标签。",
    ),
    doubt=Text(
        "Descriptions that went through a hop that is not in the capture may fit all the same: it took one set of "
        "keys and gave another. Packets are tried with the keys that were announced in what was captured; after a "
        "re-INVITE outside the capture none of them opens, though both sides are right.",
        "描述若经过抓包之外的一跳，可能其实匹配：该跳收下一套密钥、给出另一套。包是用抓包中声明的密钥试解的；"
        "若抓包之外发生过 re-INVITE，即使双方都对也解不开。",
    ),
    traits=frozenset({Trait.SEALED, Trait.OWN}),
    explains=frozenset({"no-rtp", "one-way-rtp"}),
    of_call=check,
)
