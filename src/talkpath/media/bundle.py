"""Which sections of a party share one transport (RFC 9143), and how a description says so.

A WebRTC party has all sections of a bundle on one port of ours, with one ICE and one DTLS. We bundle whatever it
offers to bundle. What we offer gets a transport for each section first, so that a party which does not bundle has
them all; the answer moves those it bundled onto one. A phone on the other side has a port for each section as ever.
"""

from collections.abc import Iterable, Iterator, Sequence

from talkpath.base.readable import readable
from talkpath.media.announced import MID_URI, Announced
from talkpath.media.leg import Anchor, Leg, Transport
from talkpath.sdp import Group, MediaSection, SessionDescription


def joined_by_offer(leg: Leg, sections: Sequence[Announced], index: int) -> Anchor | None:
    """The anchor whose transport a section of the leg's own offer joins: of its bundle, one that is leased."""
    web = sections[index].web
    if web is None or web.bundle is None:
        return None
    for at, other in enumerate(sections):
        anchor = leg.anchor(at)
        is_mate = at != index and other.web is not None and other.web.bundle == web.bundle
        if is_mate and anchor is not None and anchor.transport is not None:
            return anchor.carrier or anchor
    return None


def joined_by_us(leg: Leg, sections: Sequence[Announced], index: int) -> Anchor | None:
    """The anchor whose transport a section joins that we offer to the leg: of the bundle that it agreed to before."""
    if not (sections[index].live and sections[index].is_rtp):
        return None
    return next((one.carrier or one for one in leg.anchors if one is not None and one.is_bundled), None)


def moved_by_answer(leg: Leg, sections: Sequence[Announced]) -> Iterator[tuple[Anchor, Anchor]]:
    """The leg answered what we offered: which anchors go onto the transport of which other (section 7.3.1)."""
    for mates in _bundles(leg, sections):
        tagged = next((one for one, section in mates if _is_tagged(section)), mates[0][0])
        carrier = tagged.carrier or tagged
        for anchor, _ in mates:
            anchor.is_bundled = True
            if anchor is not carrier and anchor.carrier is not carrier:
                yield anchor, carrier


def _bundles(leg: Leg, sections: Sequence[Announced]) -> Iterator[list[tuple[Anchor, Announced]]]:
    found: dict[str, list[tuple[Anchor, Announced]]] = {}
    for index, section in enumerate(sections):
        anchor = leg.anchor(index)
        web = section.web if section.live else None
        if web is not None and web.bundle is not None and anchor is not None and anchor.transport is not None:
            found.setdefault(web.bundle, []).append((anchor, section))
    yield from found.values()


def _is_tagged(section: Announced) -> bool:
    return section.web is not None and section.mid is not None and section.web.bundle == section.mid


def learn(pairs: Iterable[tuple[Anchor | None, Announced]], now: float) -> None:
    """ICE and DTLS of a leg go on with what its accepted sections say.

    The first section of a transport that says anything speaks for all on it (section 7.1.3), and one with rtcp-mux is
    enough (section 9.3). A party that came by WebSocket may still be plain.
    """
    told: dict[Transport, Announced] = {}
    muxed: set[Transport] = set()
    for anchor, announced in pairs:
        if anchor is None or anchor.transport is None:
            continue
        if announced.web is None:
            anchor.go_plain()
        elif (announced.web.fingerprints or not announced.web.dtls) and anchor.transport not in told:
            told[anchor.transport] = announced
        if announced.mux and anchor.transport is not None:
            muxed.add(anchor.transport)
    for transport, announced in told.items():
        transport.learn(announced._replace(mux=transport in muxed), now)


def identify(leg: Leg, sections: Sequence[Announced], *, stamped: bool) -> None:
    """Tell the engine by what packets of sections on one transport are known. `stamped`: ours must carry the MID."""
    carriers = {anchor.carrier for anchor in leg.anchors if anchor is not None and anchor.carrier is not None}
    for index, section in enumerate(sections):
        anchor = leg.anchor(index)
        is_shared = anchor is not None and (anchor.carrier is not None or anchor in carriers)
        is_told = anchor is not None and (is_shared or stamped or anchor.is_identified)
        if anchor is not None and is_told and section.live and section.web is not None:
            # The packet engine takes text.
            anchor.identify(readable(section.mid or ""), section.web, stamped=stamped)


def needs_mid(leg: Leg, offered: Sequence[Announced], answered: Sequence[Announced]) -> bool:
    """Whether the leg cannot tell by payload type which of its sections a packet is of, and nobody else says it."""
    numbers: dict[Transport, set[int]] = {}
    for index, (offer, answer) in enumerate(zip(offered, answered, strict=True)):
        anchor = leg.anchor(index)
        if anchor is None or anchor.transport is None or not answer.live or answer.is_under_dtls or not offer.live:
            continue
        known = numbers.setdefault(anchor.transport, set())
        own = {one[0] for one in answer.formats.payload_types}
        if known & own:
            return True
        known |= own
    return False


def offer_mid(description: SessionDescription, leg: Leg) -> None:
    """Offer the header extension that carries the MID where sections have payload types in common; without it the
    leg could not tell whose a packet is that has one (RFC 9143 section 9.2)."""
    live = [section for section in description.media if section.port and section.is_rtp]
    numbers = [number for section in live for number in section.formats]
    if len(set(numbers)) == len(numbers) or all(_mid_extensions(section) for section in live):
        return
    extensions = {value.split("/")[0].split(" ")[0] for one in live for value in one.attributes.all("extmap")}
    known = [section.web.mid_extension for section in leg.sections if section.web is not None]
    known += [int(one) for section in live for one in _mid_extensions(section)]
    free = (number for number in range(1, 15) if str(number) not in extensions)
    number = next((number for number in known if number), None) or next(free, None)
    for section in live if number is not None else ():
        if not _mid_extensions(section):
            section.attributes.add("extmap", f"{number} {MID_URI}")


def _mid_extensions(section: MediaSection) -> list[str]:
    values = (value.split(" ")[0].split("/")[0] for value in section.attributes.all("extmap") if MID_URI in value)
    return [value for value in values if value.isascii() and value.isdigit()]


def stamps_for(leg: Leg, answered: Sequence[Announced], offered: Sequence[Announced]) -> bool:
    """Whether the leg, which answers, agreed to the MID and nobody but we can write it."""
    return leg.is_web and _has_mid(answered) and not _has_mid(offered)


def _has_mid(sections: Sequence[Announced]) -> bool:
    return any(one.web is not None and one.web.mid_extension for one in sections if one.live)


def accept_mid(description: SessionDescription, offered: Sequence[Announced]) -> None:
    """Agree, in an answer, to the header extension that carries the MID, where it was offered."""
    for section, offer in zip(description.media, offered, strict=True):
        is_agreed = any(MID_URI in value for value in section.attributes.all("extmap"))
        if section.port and offer.web is not None and offer.web.mid_extension and not is_agreed:
            section.attributes.add("extmap", f"{offer.web.mid_extension} {MID_URI}")


def write_groups(description: SessionDescription, leg: Leg, offered: Sequence[Announced] | None) -> None:
    """Write BUNDLE into a description for the leg: in an answer what of each offered group shares a transport with
    its first accepted section; in our offer (`offered` is None) all of it."""
    groups: dict[str, list[str]] = {}
    carriers: dict[str, Transport] = {}
    for index, section in enumerate(description.media):
        anchor = leg.anchor(index)
        if not section.port or section.mid is None or anchor is None or anchor.transport is None:
            continue
        tag = _group_of(index, offered)
        if tag is not None and (offered is None or carriers.setdefault(tag, anchor.transport) is anchor.transport):
            groups.setdefault(tag, []).append(section.mid)
            anchor.is_bundled = anchor.is_bundled or offered is not None
    others = [group for group in description.groups if group.semantics != "BUNDLE"]
    description.groups = [Group("BUNDLE", tuple(mids)) for mids in groups.values()] + others


def _group_of(index: int, offered: Sequence[Announced] | None) -> str | None:
    if offered is None:
        return ""
    web = offered[index].web
    return None if web is None else web.bundle
