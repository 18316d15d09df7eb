"""A message that arrived, with what its way here tells: where to answer, and whether a NAT stands between."""

from talkpath.base.address import Address, Flow
from talkpath.edge.gateways.gateway import Gateway
from talkpath.edge.nodes.nodes import Pass
from talkpath.edge.registrar.contact import is_same_host
from talkpath.sip.grammar import Via
from talkpath.sip.message import Message


class Arrival:
    """One request on one flow.

    `via` is the value of the first Via field with `received` and `rport` put in, None when it needs neither.
    `reply_to` is where responses go and where the sender is taken to be: some phones send from one UDP port and
    listen on another. `proven` is the user that the sender has proven to be, "" before or without that; `gateway` the
    one that it is, if it is one.
    """

    __slots__ = ("behind_nat", "flow", "gateway", "message", "permit", "proven", "reply_to", "via")

    def __init__(self, message: Message, flow: Flow) -> None:
        self.message = message
        self.flow = flow
        self.proven = ""
        self.gateway: Gateway | None = None
        #: what another node of the cluster asks with it
        self.permit: Pass | None = None
        via = message.top_via
        source = flow.remote
        same_host = via.host == source.host or is_same_host(via.host, source.host)
        self.behind_nat = _shows_port(via, flow) if same_host else _is_address_or_invalid(via.host)
        self.via = _completed(message, via, source, same_host)
        self.reply_to = _reply_to(flow, via, self.behind_nat)

    @property
    def node(self) -> str:
        """The node of the cluster that it proved to come from, "" for none."""
        return "" if self.permit is None else self.permit.node


def _shows_port(via: Via, flow: Flow) -> bool:
    """Whether the port was translated on the way: who asks for `rport` sends from the port that its Via names (RFC
    3581 section 4), also where it knows its address outside."""
    return not flow.transport.is_reliable and "rport" in via.params and via.sent_by_port != flow.remote.port


def _is_address_or_invalid(host: str) -> bool:
    """A name may well lead to the source; an address that is not the source, or `.invalid`, says NAT."""
    return ":" in host or host.replace(".", "").isdigit() or host.endswith(".invalid")


def _completed(message: Message, via: Via, source: Address, same_host: bool) -> str | None:
    """RFC 3261 section 18.2.1 and RFC 3581 section 4."""
    wants_port = "rport" in via.params
    if same_host and not wants_port:
        return None
    params = {name: value for name, value in via.params.items() if name not in ("received", "rport")}
    params["received"] = source.host
    if wants_port or not same_host:
        params["rport"] = str(source.port)
    first, frame = str(Via(via.transport, via.host, via.port, params)), message.frame
    others = frame.behind_first(frame.index("Via"))
    return first if others is None else f"{first}, {others}"


def _reply_to(flow: Flow, via: Via, behind_nat: bool) -> Flow:
    """Where responses go (RFC 3261 section 18.2.2): down the connection; over UDP to the source port where the
    client asked for it (RFC 3581) or its address shows a NAT, else to the port of its Via."""
    if flow.transport.is_reliable or "rport" in via.params or behind_nat:
        return flow
    port = via.sent_by_port
    return flow if port == flow.remote.port else flow._replace(remote=Address(flow.remote.host, port))
