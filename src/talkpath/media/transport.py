"""ICE towards one WebRTC section or bundle, and the DTLS-SRTP that rides on it (RFC 8445, RFC 5763).

Composed of the machines of `ice` and `secure`; STUN and DTLS climb to it from the engine, and it tells the engine
whom to hear, where to send and under which keys. Nothing is heard or sent before the keys are there.
"""

from contextlib import suppress

from talkpath.base.address import Address
from talkpath.ice import events as ice
from talkpath.ice.agent import IceAgent
from talkpath.ice.candidate import Candidate
from talkpath.media import moments
from talkpath.media.announced import Announced
from talkpath.media.engine import Climbed, Engine, Port
from talkpath.media.keying import Keying, Security
from talkpath.media.telling import Telling
from talkpath.sdp import MediaSection
from talkpath.sdp.values import is_private


class WebTransport:
    """Towards one peer on one of our ports, RTP and RTCP together.

    `controlling` is whether we made the first offer. We are ICE lite where the address we advertise can be reached
    from everywhere (RFC 8445 section 2.5), and full otherwise.
    """

    uses_ice = True
    mux = True

    def __init__(
        self, engine: Engine, port: Port, local: Address, security: Security, *, controlling: bool, note: Telling
    ) -> None:
        self._engine = security.engine
        self._port = port
        self._note = note
        socket = ice.LocalSocket(port.id, 1, local)
        lite = not is_private(local.host)
        self._agent = IceAgent((socket,), lite=lite, controlling=controlling, entropy=security.entropy)
        self._keying = Keying(port, security, note)
        self._ufrags: list[str] = []
        self._theirs: ice.Credentials | None = None
        self._pair: Address | None = None
        self._has_checked = self._is_lost = False
        self._sent = self._answered = 0
        security.engine.shut(port)
        engine.expect(port, rtp=None, mux=True, ice=True)
        self._name_checks()

    # --- descriptions

    def learn(self, theirs: Announced, now: float) -> None:
        """The peer's description came: first, again, or with a restart of ICE or of DTLS (RFC 8842 section 5.1)."""
        web = theirs.web
        assert web is not None, "a section without DTLS goes plain instead"
        self._keying.learn(web.fingerprints, web.tls_id, web.setup, now)
        if web.credentials is not None:
            if self._theirs not in (None, web.credentials):
                self._note(now, moments.ICE_RESTARTED)
            self._theirs = web.credentials
            for line in web.candidates:
                self._note(now, moments.ICE_CANDIDATE, candidate=line)
            self._agent.receive(ice.RemoteDescribed(web.credentials, web.candidates, web.lite, web.ended), now)
        self._name_checks()
        self._settle(now)

    def write(self, section: MediaSection, *, answering: bool) -> None:
        """Put our side of the transport into a section that goes to the peer."""
        attributes, credentials = section.attributes, self._agent.credentials
        if self._agent.is_lite and "ice-lite" not in section.session.attributes:
            section.session.attributes.add("ice-lite")
        attributes.add("ice-ufrag", credentials.ufrag)
        attributes.add("ice-pwd", credentials.password)
        self._keying.write(section, answering=answering)
        for candidate in self._agent.candidates:
            attributes.add("candidate", str(candidate))
        attributes.add("end-of-candidates")
        self._name_checks()

    def _name_checks(self) -> None:
        """Checks that name none of our ufrags need not climb; the last but one is still good (RFC 8445 section 9)."""
        ufrag = self._agent.credentials.ufrag
        if ufrag not in self._ufrags:
            self._ufrags = [*self._ufrags[-1:], ufrag]
        self._engine.checks(self._port, self._ufrags)

    # --- the machine

    def receive(self, event: Climbed, now: float) -> None:
        """A STUN or DTLS packet climbed (RFC 7983: the first byte tells)."""
        if event.data[:1] < b"\x04":
            self._agent.receive(ice.DatagramArrived(self._port.id, event.source, event.data), now)
            self._settle(now)
        else:
            self._keying.receive(event.source, event.data, now)

    def deadline(self) -> float | None:
        times = [time for time in (self._agent.deadline(), self._keying.deadline()) if time is not None]
        return min(times, default=None)

    def expire(self, now: float) -> None:
        """Let every timer that is due fire."""
        self._agent.expire(now)
        self._settle(now)
        self._keying.expire(now)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Ours."""
        return self._agent.candidates

    @property
    def broken_link(self) -> str | None:
        """The kind of moment that says how far it did not come."""
        if self._pair is None:
            return moments.NO_PAIR if self._has_checked else moments.NO_CHECK
        return self._keying.broken_link

    def give_up(self) -> None:
        """The peer turned out to speak plain RTP: the port is as it was before."""
        self._engine.unsecure(self._port)

    def close(self, now: float) -> None:
        """Say goodbye to the peer; the port is closed next."""
        self._keying.close(now)
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
        engine, port = self._engine, self._port
        match output:
            case ice.SendDatagram(_, remote, data):
                with suppress(OSError):  # an address that the kernel cannot reach is a lost packet
                    engine.send(port, data, remote)
            case ice.PairAuthenticated(_, remote):
                engine.approve(port, remote, send=False)
                self._note(now, moments.ICE_CHECKED, local=self._local, remote=str(remote))
            case ice.PairNominated(_, remote):
                engine.approve(port, remote, send=True)
                self._tell_pair(remote, now)
                self._keying.selected(remote, now)
            case ice.PairRetired(_, remote):
                engine.revoke(port, remote)
            case ice.ConsentLost(_, remote):
                engine.revoke(port, remote)
                self._is_lost = True
                self._note(now, moments.ICE_CONSENT_LOST)
            case _:
                self._tell(output, now)

    def _tell_pair(self, remote: Address, now: float) -> None:
        kind = moments.ICE_SELECTED if self._pair is None else moments.ICE_PAIR_CHANGED
        if self._is_lost:
            self._note(now, moments.ICE_CONSENT_REGAINED, remote=str(remote))
        if remote != self._pair:
            self._note(now, kind, local=self._local, remote=str(remote))
        self._pair, self._is_lost = remote, False

    def _tell(self, output: ice.AgentOutput, now: float) -> None:
        """Outputs that are moments of the call and nothing else."""
        match output:
            case ice.CheckSent(_, remote):
                self._sent += 1
                self._note(now, moments.ICE_CHECK_SENT, local=self._local, remote=str(remote))
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
            case ice.CheckFailed(_, remote, reason):
                self._note(now, moments.ICE_CHECK_FAILED, local=self._local, remote=str(remote), why=reason)
            case ice.Failed(_, reason):
                self._note(now, moments.ICE_FAILED, why=reason)
            case ice.CandidateIgnored(line, reason):
                self._note(now, moments.ICE_CANDIDATE_IGNORED, candidate=line, why=reason)
            case _:
                pass

    @property
    def _local(self) -> str:
        return f"{self._port.host}:{self._port.rtp}"
