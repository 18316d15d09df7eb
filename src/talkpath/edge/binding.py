"""One contact of one user, as the registrar keeps it and the store writes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from talkpath.base.address import Flow
from talkpath.base.errors import Malformed
from talkpath.sip.uri import Uri, unescaped


@dataclass(slots=True)
class Binding:
    """One contact of one user. Never changed, only replaced; not frozen, because that trebles the cost of making it.

    Times are seconds since the epoch.

    `path` are Route values.
    """

    user: str
    #: See `identity_of`.
    identity: tuple[str, str]
    contact: str
    reg_id: str
    flow: Flow
    call_id: str
    cseq: int
    expires_at: float
    registered_at: float
    q: float = 1.0
    user_agent: str = ""
    path: tuple[str, ...] = ()
    params: str = ""
    behind_nat: bool = False
    #: it says that it speaks ICE (RFC 5768)
    ice: bool = False

    def leads_where(self, newer: Binding) -> bool:
        """Whether a newer binding of the same phone reaches it in the same way."""
        return (
            self.contact == newer.contact
            and self.flow == newer.flow
            and self.path == newer.path
            and self.behind_nat == newer.behind_nat
            and self.q == newer.q
            and self.ice == newer.ice
        )


def flows_of_phones(bindings: Iterable[Binding]) -> list[list[Binding]]:
    """The bindings of each phone, in the order given: one that names an instance may have several flows, and is asked
    on one at a time (RFC 5626 section 5.3)."""
    phones: dict[tuple[str, str], list[Binding]] = {}
    for binding in bindings:
        instance, key = binding.identity
        phones.setdefault((instance, "") if instance else ("", key), []).append(binding)
    return list(phones.values())


def identity_of(instance: str, reg_id: str, contact: str) -> tuple[str, str]:
    """What a newer binding of the same phone has in common with an older one: its +sip.instance and reg-id (RFC 5626
    section 6), or "" and its Contact."""
    return (instance, reg_id) if instance else ("", contact_key(contact))


def contact_key(contact: str) -> str:
    """What makes two Contact URIs the same: scheme, user, host and port (RFC 3261 section 19.1.4, less strictly:
    of the parameters only the transport, because phones move the others about)."""
    try:
        uri = Uri.parse(contact)
    except Malformed:
        return contact
    transport = (uri.params.get("transport") or "udp").lower()
    return f"{uri.scheme}:{unescaped(uri.user)}@{uri.host_port};{transport}"
