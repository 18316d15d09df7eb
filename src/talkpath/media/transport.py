"""ICE towards one section or bundle, and the DTLS-SRTP that rides on it where there is any (RFC 8445, RFC 5763).

Composed of the machines of `ice` and `secure`; STUN and DTLS climb to it from the engine, and it tells the engine
whom to hear, where to send and under which keys. Nobody is heard before an authenticated check, and under DTLS
nothing passes before the keys are there. Without rtcp-mux RTCP is a component of its own, with candidates, pair and
association of its own (RFC 8445 section 2.2, RFC 5764 section 4.1).
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from talkpath.base.address import Address
from talkpath.base.limits import ICE_REMOTE_CANDIDATES
from talkpath.base.octets import raw, text
from talkpath.base.timers import earliest
from talkpath.ice import events as ice
from talkpath.ice import stun
from talkpath.ice.agent import IceAgent
from talkpath.ice.candidate import Candidate
from talkpath.media import moments
from talkpath.media.announced import Announced
from talkpath.media.engine import Climbed, Port
from talkpath.media.keying import Keying, Security
from talkpath.media.policy import GRACE_S
from talkpath.media.record import IceRecord
from talkpath.media.standing import Standing
from talkpath.media.telling import Telling
from talkpath.sdp import MediaSection
from talkpath.sdp.values import is_private

# Components (RFC 8445 section 4); the agent's sockets have the same numbers.
RTP, RTCP = 1, 2


class IceTransport:
    """Towards one peer on one of our ports, which is to be `open`ed.

    `controlling` is whether we made the first offer, `dtls` whether DTLS is spoken, `mux` whether it is certain that
    RTCP goes with RTP; else that is open until the peer has answered. `profile` is what an offer names before the
    peer named its own. We are ICE lite where the address we advertise can be reached from everywhere (RFC 8445
    section 2.5), and full otherwise.
    """

    uses_ice = True

    def __init__(
        self,
        standing: Standing,
        port: Port,
        local: Address,
        security: Security,
        note: Telling,
        *,
        controlling: bool,
        dtls: bool,
        mux: bool,
        profile: str,
        agent: IceAgent | None = None,
    ) -> None:
        self._security = security = replace(security, engine=standing)
        self.standing = standing
        self._offered = (controlling, dtls, mux, profile)
        self._port = port
        self._note = note
        self._local = {RTP: local} if mux else {RTP: local, RTCP: Address(local.host, port.rtcp)}
        if agent is None:
            lite = not is_private(local.host)
            agent = IceAgent(_sockets(self._local), lite=lite, controlling=controlling, entropy=security.entropy)
        self._agent = agent
        #: the associations, by component; none without DTLS
        self._keyings: dict[int, Keying] = {}
        self.protocol = profile
        #: RTCP goes with RTP, as agreed
        self.mux = mux
        self._is_agreed = False
        self._names: list[tuple[str, str]] = []
        self._theirs: ice.Credentials | None = None
        #: the peer's candidates under these credentials, which a re-INVITE repeats
        self._named: frozenset[str] = frozenset()
        #: it may name more of them in INFO requests (RFC 8840)
        self._trickles = False
        self._pairs: dict[int, Address] = {}
        self._has_checked = self._is_lost = False
        #: when consent was lost, None while it stands; until when it may come back; it did not
        self.lost_at: float | None = None
        self._gone_at: float | None = None
        self.is_gone = False
        self._sent = self._answered = 0
        if dtls:
            self._make_keyings()

    def save(self) -> IceRecord:
        """As data."""
        theirs = self._theirs
        return IceRecord(
            self.standing.save(),
            self._offered,
            self._local,
            self._agent.save(),
            {component: keying.save() for component, keying in self._keyings.items()},
            raw(self.protocol),
            self.mux,
            self._is_agreed,
            tuple(self._names),
            None if theirs is None else (raw(theirs.ufrag), raw(theirs.password)),
            tuple([raw(line) for line in sorted(self._named)]),
            self._trickles,
            self._pairs,
            self._has_checked,
            self._is_lost,
            self.lost_at,
            self._gone_at,
            self.is_gone,
            self._sent,
            self._answered,
        )

    @classmethod
    def resumed(
        cls, record: IceRecord, standing: Standing, port: Port, security: Security, note: Telling, now: float
    ) -> "IceTransport":
        """The same again, of which the engine knows already."""
        controlling, _, mux, profile = record.offered
        agent = IceAgent.resumed(record.agent, security.entropy, now)
        made = cls(
            standing,
            port,
            record.local[RTP],
            security,
            note,
            controlling=controlling,
            dtls=False,
            mux=mux,
            profile=profile,
            agent=agent,
        )
        made._offered, made._local, made.mux = record.offered, dict(record.local), record.mux
        for component, keying in record.keyings.items():
            made._keyings[component] = Keying(port, made._security, note, rtcp=component == RTCP)
            made._keyings[component].resume(keying)
        made.protocol, made._is_agreed, made._names = text(record.protocol), record.is_agreed, list(record.names)
        if record.theirs is not None:
            made._theirs = ice.Credentials(text(record.theirs[0]), text(record.theirs[1]))
        made._named, made._trickles = frozenset(map(text, record.named)), record.trickles
        made._pairs, made._has_checked, made._is_lost = dict(record.pairs), record.has_checked, record.is_lost
        made.lost_at, made._gone_at, made.is_gone = record.lost_at, record.gone_at, record.is_gone
        made._sent, made._answered = record.sent, record.answered
        return made

    def open(self) -> None:
        """Let nothing pass but checks that know our names, and under DTLS nothing before there are keys."""
        if self._keyings:
            self._security.engine.shut(self._port)
        self._expect()
        self._name_checks()

    @property
    def is_busy(self) -> bool:
        """Whether somebody shakes hands."""
        return any(keying.is_busy for keying in self._keyings.values())

    @property
    def uses_dtls(self) -> bool:
        return bool(self._keyings)

    @property
    def announces_mux(self) -> bool:
        """Whether our description says rtcp-mux: as agreed, before that for the peer to choose (RFC 5761 5.1.3)."""
        return self.mux or not self._is_agreed

    # --- descriptions

    def rename(self, host: str, now: float) -> None:
        """The peer moved, and knows our ports by another address from its next description on."""
        self._local = {component: Address(host, at.port) for component, at in self._local.items()}
        self._agent.receive(ice.SocketsRenamed(host), now)

    def restart(self, now: float) -> None:
        """Our next description begins ICE anew; until it is answered, what was found goes on."""
        self._agent.receive(ice.RestartWanted(), now)
        self._settle(now)

    def learn(self, theirs: Announced, now: float) -> None:
        """The peer's description came: first, again, or with a restart of ICE or of DTLS (RFC 8842 section 5.1)."""
        web = theirs.web
        assert web is not None, "a section without ICE and DTLS goes plain instead"
        self.protocol, self._is_agreed, self._trickles = theirs.protocol, True, web.trickles
        if theirs.mux != self.mux:
            self._share_port(now) if theirs.mux else self._part_ports(now)
        if web.dtls and not self._keyings:
            self._begin_dtls()
        elif not web.dtls and self._keyings:
            self._end_dtls(now)
        for keying in self._keyings.values():
            keying.learn(web.fingerprints, web.tls_id, web.setup, now)
        if web.credentials is not None:
            if self._theirs not in (None, web.credentials):
                self._note(now, moments.ICE_RESTARTED)
                if self.lost_at is not None:
                    self._gone_at, self.is_gone = now + GRACE_S, False
                self._named = frozenset()
            self._theirs = web.credentials
            fresh = tuple(line for line in web.candidates if line not in self._named)
            self._named = frozenset(web.candidates)
            for line in fresh:
                self._note(now, moments.ICE_CANDIDATE, candidate=line)
            self._agent.receive(ice.RemoteDescribed(web.credentials, fresh, web.lite, web.ended), now)
        self._name_checks()
        self._settle(now)

    def another(self, standing: Standing, note: Telling) -> "IceTransport":
        """For somebody else who answers the same offer on this port: it was told the same credentials."""
        controlling, dtls, mux, profile = self._offered
        local = self._local if not mux else {RTP: self._local[RTP]}
        made = IceTransport(
            standing,
            self._port,
            self._local[RTP],
            self._security,
            note,
            controlling=controlling,
            dtls=dtls,
            mux=mux,
            profile=profile,
            agent=self._agent.another(_sockets(local)),
        )
        made.open()
        return made

    def is_of_peer(self, event: Climbed) -> bool:
        """Whether a packet that climbed is of the peer: checks name it, all else comes from where it was found."""
        if self._theirs is not None and event.data[:1] < b"\x04":
            named = stun.remote_ufrag(event.data)
            if named is not None:
                return named == self._theirs.ufrag
        return self.standing.is_approved(event.source, rtcp=event.rtcp)

    def trickle(self, ufrag: str, candidates: list[str], ended: bool, now: float) -> None:
        """More candidates of the present description (RFC 8838); those of one before are too late."""
        if self._theirs is None or ufrag not in ("", self._theirs.ufrag):
            return
        room = max(0, ICE_REMOTE_CANDIDATES - len(self._named))
        fresh = tuple(line for line in dict.fromkeys(candidates) if line not in self._named)[:room]
        self._named |= frozenset(fresh)
        for line in fresh:
            self._note(now, moments.ICE_CANDIDATE, candidate=line)
        self._agent.receive(ice.CandidatesTrickled(fresh, ended), now)
        self._settle(now)

    def write(self, section: MediaSection, *, answering: bool, again: bool = False) -> None:
        """Put our side of the transport into a section that goes to the peer; `again` into another of its bundle."""
        attributes, credentials = section.attributes, self._agent.credentials
        if self._agent.is_lite and "ice-lite" not in section.session.attributes:
            section.session.attributes.add("ice-lite")
        if answering and self._trickles:
            attributes.add("ice-options", "trickle")
        attributes.add("ice-ufrag", credentials.ufrag)
        attributes.add("ice-pwd", credentials.password)
        for keying in self._keyings.values():
            if keying is self._keyings[RTP]:
                keying.write(section, answering=answering)
            else:
                keying.active = self._keyings[RTP].active
        if again:
            return
        for candidate in self._agent.candidates:
            attributes.add("candidate", str(candidate))
        attributes.add("end-of-candidates")
        self._name_checks()

    def _part_ports(self, now: float) -> None:
        """The peer wants RTCP on a port of its own after all: an answer may not say otherwise (RFC 5761 section
        5.1.1). One that names no candidate for it has no RTCP."""
        self.mux = False
        self._local[RTCP] = Address(self._local[RTP].host, self._port.rtcp)
        self._agent.receive(ice.ComponentOpened(ice.LocalSocket(RTCP, RTCP, self._local[RTCP])), now)
        if self._keyings:
            self._keyings[RTCP] = Keying(self._port, self._security, self._note, rtcp=True)
        self._expect()

    def _share_port(self, now: float) -> None:
        """The peer wants RTCP on the RTP port: component 2 is over (RFC 8445 section 6.1.2.1)."""
        self.mux = True
        self._agent.receive(ice.ComponentClosed(RTCP), now)
        self._keyings.pop(RTCP, None)
        if (pair := self._pairs.pop(RTCP, None)) is not None:
            self._security.engine.revoke(self._port, pair, rtcp=True)
        self._expect()

    def _begin_dtls(self) -> None:
        self._security.engine.shut(self._port)
        self._make_keyings()

    def _make_keyings(self) -> None:
        for component in (RTP,) if self.mux else (RTP, RTCP):
            keying = Keying(self._port, self._security, self._note, rtcp=component == RTCP)
            self._keyings[component] = keying

    def _end_dtls(self, now: float) -> None:
        """The peer speaks plain RTP or SDES on this transport from now on."""
        for keying in self._keyings.values():
            keying.close(now)
        self._keyings.clear()
        self._security.engine.unsecure(self._port)

    def _expect(self) -> None:
        self.standing.expect(self._port, rtp=None, mux=self.mux, ice=True)

    def _name_checks(self) -> None:
        """Checks that know none of our names need not climb; the last but one is still good (RFC 8445 section 9)."""
        name = self._agent.credentials.ufrag, self._agent.credentials.password
        if name not in self._names:
            self._names = [*self._names[-1:], name]
        self._security.engine.checks(self._port, self._names)

    # --- the machine

    def receive(self, event: Climbed, now: float) -> None:
        """A STUN or DTLS packet climbed (RFC 7983: the first byte tells)."""
        component = RTCP if event.rtcp else RTP
        if event.data[:1] < b"\x04":
            self._agent.receive(ice.DatagramArrived(component, event.source, event.data), now)
            self._settle(now)
        elif (keying := self._keyings.get(component)) is not None:
            keying.receive(event.source, event.data, now)

    def deadline(self) -> float | None:
        times = [self._gone_at, self._agent.deadline()]
        if not self.standing.is_parked:
            for keying in self._keyings.values():
                times.append(keying.deadline())
        return earliest(times)

    def expire(self, now: float) -> None:
        """Let every timer that is due fire. Checks go on while another is heard; handshakes wait."""
        self._agent.expire(now)
        self._settle(now)
        for keying in () if self.standing.is_parked else self._keyings.values():
            keying.expire(now)
        if self._gone_at is not None and now >= self._gone_at:
            self._gone_at, self.is_gone = None, True

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Ours."""
        return self._agent.candidates

    @property
    def broken_link(self) -> str | None:
        """The kind of moment that says how far it did not come."""
        if RTP not in self._pairs:
            return moments.NO_PAIR if self._has_checked else moments.NO_CHECK
        return self._keyings[RTP].broken_link if self._keyings else None

    def give_up(self) -> None:
        """The peer turned out to speak plain RTP: the port is as it was before."""
        if self._keyings:
            self._security.engine.unsecure(self._port)

    def close(self, now: float) -> None:
        """Say goodbye to the peer; the port is closed next."""
        for keying in self._keyings.values():
            keying.close(now)
        counted = self._agent.counters
        dropped = sum(count for name, count in counted.items() if name != "answered")
        sums = {"received": counted["answered"], "sent": self._sent, "answered": self._answered, "dropped": dropped}
        if any(sums.values()):
            self._note(now, moments.ICE_CHECKS, **sums)
        self._note.end(now)

    def _settle(self, now: float) -> None:
        """Carry out what the agent asks for."""
        for output in self._agent.drain():
            self._carry_out(output, now)

    def _carry_out(self, output: ice.AgentOutput, now: float) -> None:
        engine, port = self._security.engine, self._port
        match output:
            case ice.SendDatagram(component, remote, data):
                with suppress(OSError):  # an address that the kernel cannot reach is a lost packet
                    engine.send(port, data, remote, rtcp=component == RTCP)
            case ice.PairAuthenticated(component, remote):
                engine.approve(port, remote, rtcp=component == RTCP, send=False)
                self._note(now, moments.ICE_CHECKED, local=self._own(component), remote=str(remote))
            case ice.PairNominated(component, remote):
                engine.approve(port, remote, rtcp=component == RTCP, send=True)
                self._tell_pair(component, remote, now)
                if (keying := self._keyings.get(component)) is not None:
                    keying.selected(remote, now)
            case ice.PairRetired(component, remote):
                engine.revoke(port, remote, rtcp=component == RTCP)
            case ice.ConsentLost(component, remote):
                engine.revoke(port, remote, rtcp=component == RTCP)
                self._is_lost = True
                if component == RTP:
                    self.lost_at, self._gone_at = now, now + GRACE_S
                self._note(now, moments.ICE_CONSENT_LOST)
            case _:
                self._tell(output, now)

    def _tell_pair(self, component: int, remote: Address, now: float) -> None:
        known = self._pairs.get(component)
        kind = moments.ICE_SELECTED if known is None else moments.ICE_PAIR_CHANGED
        if self._is_lost:
            self._note(now, moments.ICE_CONSENT_REGAINED, remote=str(remote))
        if remote != known:
            self._note(now, kind, local=self._own(component), remote=str(remote))
        self._pairs[component], self._is_lost = remote, False
        if component == RTP and self.lost_at is not None:
            self.lost_at, self._gone_at, self.is_gone = None, None, False

    def _tell(self, output: ice.AgentOutput, now: float) -> None:
        """Outputs that are moments of the call and nothing else."""
        match output:
            case ice.CheckSent(component, remote):
                self._sent += 1
                self._note(now, moments.ICE_CHECK_SENT, local=self._own(component), remote=str(remote))
            case ice.CheckReceived(_, remote):
                self._has_checked = True
                self._note(now, moments.ICE_CHECK_RECEIVED, remote=str(remote))
            case ice.CheckAnswered(_, remote, round_trip_s):
                self._has_checked = True
                self._answered += 1
                self._note(now, moments.ICE_CHECK_ANSWERED, remote=str(remote), ms=round(round_trip_s * 1000, 1))
            case ice.CandidateLearnt(_, candidate, local):
                kind = moments.ICE_LEARNT_LOCAL if local else moments.ICE_LEARNT
                self._note(now, kind, candidate=str(candidate.address))
            case ice.RoleChanged(controlling):
                self._note(now, moments.ICE_ROLE, role="controlling" if controlling else "controlled")
            case ice.CheckFailed(component, remote, reason):
                self._note(now, moments.ICE_CHECK_FAILED, local=self._own(component), remote=str(remote), why=reason)
            case ice.Failed(_, reason):
                self._note(now, moments.ICE_FAILED, why=reason)
            case ice.CandidateIgnored(line, reason):
                self._note(now, moments.ICE_CANDIDATE_IGNORED, candidate=line, why=reason)
            case _:
                pass

    def _own(self, component: int) -> str:
        """Our end of a pair, by the address that the socket is bound to."""
        port = self._port
        return f"{port.host}:{port.rtcp if component == RTCP else port.rtp}"


def _sockets(local: Mapping[int, Address]) -> tuple[ice.LocalSocket, ...]:
    return tuple(ice.LocalSocket(component, component, at) for component, at in local.items())
