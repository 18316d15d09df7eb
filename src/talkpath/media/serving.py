"""Our side of a call that we answer ourselves: the caller's ports, ICE, DTLS and SDES around a `LocalService`."""

from collections.abc import Sequence

from talkpath.media import bundle, moments
from talkpath.media.announced import Announced
from talkpath.media.crypto import CryptoDesk
from talkpath.media.described import ANSWER, OFFER, Described
from talkpath.media.leg import Anchor, Leg
from talkpath.media.policy import CALLER
from talkpath.media.ports import Ports
from talkpath.media.record import ServiceRecord
from talkpath.media.service import Leaser, LocalService
from talkpath.media.telling import Noting
from talkpath.media.told import Packing
from talkpath.media.turnaround import Turnaround
from talkpath.sdp import SessionDescription


class Serving:
    """That of one call."""

    __slots__ = ("_caller", "_crypto", "_note", "_ports", "_service", "_turnaround", "described")

    def __init__(
        self,
        service: LocalService,
        caller: Leg,
        ports: Ports,
        turnaround: Turnaround,
        crypto: CryptoDesk | None,
        note: Noting,
    ) -> None:
        self._service = service
        self._caller = caller
        self._ports = ports
        self._turnaround = turnaround
        self._crypto = crypto
        self._note = note
        #: there is no negotiation: the last description that was given
        self.described: Described | None = None

    def save(self, pack: Packing) -> ServiceRecord:
        """As data."""
        described = self.described
        return self._service.save(pack, None if described is None else (described.mode, pack.text(described.sdp)))

    def answer(self, description: bytes, now: float) -> Described:
        """Our answer to the caller's description, our offer where it is empty. Raises `Malformed`, `MediaRefused` and
        `Unavailable`."""
        body = self._serve(description, now)
        self.described = Described(ANSWER if description else OFFER, self._caller.side, body)
        return self.described

    def answered(self, description: bytes, now: float) -> None:
        """The caller answers what we offered. Raises `Malformed` and `MediaRefused`."""
        ends_here = self._turnaround.ends_here(self._caller)
        self._service.answered(description, self._leaser(now), now, web=ends_here)

    def acknowledged(self, now: float) -> None:
        """The ACK for our answer came."""
        for host in self._service.acknowledged():
            self._note(now, moments.SERVICE_WITHHELD, remote=host)

    def latched(self, anchor: Anchor) -> None:
        """A port of the caller was found to be spoken to from elsewhere (`Anchor.remote`)."""
        self._service.latched(anchor)

    def _serve(self, description: bytes, now: float) -> bytes:
        lease, service, caller, turnaround = self._leaser(now), self._service, self._caller, self._turnaround
        if not description:
            return service.offer(lease, now)
        offer, us = SessionDescription.parse(description), Leg(CALLER)  # a service speaks plain RTP and has no ports
        turnaround.listen_to(caller, description, offer)
        ends_here = turnaround.ends_here(caller)
        crypto = None if turnaround.is_web(caller) else self._crypto
        if crypto is None or not crypto.take_off(offer, caller, us, turnaround.is_web, is_answer=False):
            return service.answer(description, lease, now, web=ends_here)
        answer = SessionDescription.parse(service.answer(offer.encode(), lease, now, web=ends_here))
        crypto.put_on(answer, us, caller, True, now)
        return answer.encode()

    def _leaser(self, now: float) -> Leaser:
        def lease(section: int, announced: Sequence[Announced]) -> Anchor:
            if not announced:
                ends_here = self._turnaround.ends_here(self._caller)
                return self._ports.lease(self._caller, section, None, ends_here, None, now)
            carrier = bundle.joined_by_offer(self._caller, announced, section)
            own = announced[section]
            return self._ports.lease(self._caller, section, own, own.web is not None, carrier, now)

        return lease
