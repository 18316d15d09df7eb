"""Which bindings are of one phone, and which Contacts are one (RFC 3261 section 19.1.4, RFC 5626).

Apart from `binding`, which stays interpreted: these are asked for with each REGISTER and call.
"""

from collections.abc import Iterable
from itertools import groupby

from talkpath.base.errors import Malformed
from talkpath.edge.registrar.binding import Binding
from talkpath.sip.uri import Uri, unescaped


def flows_of_phones(bindings: Iterable[Binding]) -> list[list[Binding]]:
    """The bindings of each phone, in the order given: one that names an instance may have several flows, and is asked
    on one at a time (RFC 5626 section 5.3)."""
    phones: dict[tuple[str, str], list[Binding]] = {}
    for binding in bindings:
        instance, key = binding.identity
        phones.setdefault((instance, "") if instance else ("", key), []).append(binding)
    return list(phones.values())


def in_turns(phones: list[list[Binding]]) -> list[list[list[Binding]]]:
    """Phones, each by its flows, as they are rung: the most wanted first, those with the same q at once (RFC 3261
    section 16.6)."""
    if len(phones) < 2:
        return [phones] if phones else []
    phones = sorted(phones, key=_wanted)
    return [list(same) for _, same in groupby(phones, key=_wanted)]


def _wanted(flows: list[Binding]) -> float:
    return -flows[0].q


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
