"""What made a message large, and what each hop added to it."""

from collections import Counter

from talkpath.sip.message import Message


def sizes(sip: Message) -> Counter[str]:
    """Bytes by header name and, within a session description, by kind of line."""
    counted: Counter[str] = Counter()
    head, _, body = sip.raw.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:]:
        name = line.partition(b":")[0].decode("utf-8", "replace").strip()
        counted[name] += len(line) + 2
    is_sdp = sip.carries_sdp
    for line in body.split(b"\r\n") if is_sdp else ():
        counted[_line_name(line)] += len(line) + 2
    if not is_sdp and body:
        counted["body"] += len(body)
    return counted


def _line_name(line: bytes) -> str:
    """`a=candidate` for attributes, `m=` for other lines."""
    if line.startswith(b"a="):
        return line.partition(b":")[0].decode("utf-8", "replace")
    return line[:2].decode("utf-8", "replace")


def biggest_parts(sip: Message, count: int = 4) -> str:
    """The parts that take most room: "a=candidate 840, Via 310, ..."."""
    return ", ".join(f"{name} {size}" for name, size in sizes(sip).most_common(count))


def grown_parts(before: Message, after: Message, count: int = 4) -> str:
    """What a hop added: "Record-Route +82, Via +91"."""
    added = sizes(after)
    added.subtract(sizes(before))
    return ", ".join(f"{name} +{size}" for name, size in added.most_common(count) if size > 0)
