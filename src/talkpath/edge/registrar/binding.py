"""One contact of one user, as the registrar keeps it and the store writes it."""

from __future__ import annotations

from dataclasses import dataclass

from talkpath.base.address import Flow


@dataclass(slots=True)
class Binding:
    """One contact of one user. Once kept it is never changed, only replaced; not frozen, as that trebles the cost
    of making it.

    Times are seconds since the epoch.

    `path` are Route values.
    """

    user: str
    #: See `phones.identity_of`.
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
    #: its phone registered again while it was there
    is_renewed: bool = False
    #: the node that holds its flow and keeps it open; "" for this one
    node: str = ""

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
