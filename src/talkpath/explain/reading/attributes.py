"""What is known of the two ends of a call besides what went wrong: the columns in which bad calls may agree."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address

from talkpath.calls.model import Call, Party
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.sites import Sites

# In this order an attribute makes the better description of a group, after the columns of --sites. Where all phones
# of a model have one firmware, nothing says that it is the firmware.
PREFERRED = ("gateway", "model", "firmware", "codec", "transport", "node", "subnet", "address", "user", "number")
# Users of one address from which on it is no phone but a trunk.
TRUNK_USERS = 4

# Possessive, so that what a stranger writes into User-Agent is not tried in every way that it can be divided.
_FIRMWARE = re.compile(r"[/\s_-]v?(\d++\.\w++(?:[-.]\w++)*)\s*+(?:\(.*\))?$")
# A longer User-Agent names no phone.
_AGENT_CHARACTERS = 256

_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")

Attributes = dict[str, str]


class Attributor:
    """Describes the ends of calls; knows the whole fleet, so that it can tell a trunk from a phone."""

    def __init__(self, calls: Iterable[Call], sites: Sites, scene: Scene) -> None:
        self._sites = sites
        #: what each host called itself anywhere: a phone that does not answer is still known by its registration
        self._agents = {one.request.src.host: one.sip.first("User-Agent") or "" for one in scene.outside}
        users: dict[str, set[str]] = defaultdict(set)
        for call in calls:
            for party in (call.caller, call.callee):
                if party.address is not None:
                    users[party.address.host].add(party.user)
                    if party.user_agent:
                        self._agents.setdefault(party.address.host, party.user_agent)
        self._trunks = {host for host, known in users.items() if len(known) >= TRUNK_USERS}

    def of(self, call: Call) -> tuple[Attributes, Attributes]:
        """The attributes of the caller and of the callee."""
        shared = self._of_call(call)
        return {**self._of_party(call.caller), **shared}, {**self._of_party(call.callee), **shared}

    def _of_party(self, party: Party) -> Attributes:
        found: Attributes = {}
        if party.address is not None:
            host = party.address.host
            found |= {"address": host, "subnet": subnet_of(host)}
            found |= self._sites.of(host)
            if host in self._trunks:
                found["gateway"] = host
        if party.transport is not None:
            found["transport"] = party.transport.lower()
        known = self._agents.get(party.address.host, "") if party.address is not None else ""
        found |= phone_of(party.user_agent or known)
        if party.user:
            found["number" if "gateway" in found else "user"] = party.user
        return found

    def _of_call(self, call: Call) -> Attributes:
        found: Attributes = {}
        codec = next((s.rtp.encoding for s in call.streams if s.rtp.encoding), "")
        if codec:
            found["codec"] = codec
        ends = {call.caller.address, call.callee.address}
        nodes = [leg.caller.host for leg in call.legs if leg.caller not in ends]
        if nodes:
            found["node"] = nodes[0]
        hep = call.legs[0].hop.first.hep
        if hep is not None and hep.node:
            found["node"] = hep.node
        return found


@lru_cache(maxsize=65_536)
def subnet_of(host: str) -> str:
    """The /24 (IPv6: /64) of an address; "" for a name."""
    if _IPV4.fullmatch(host):
        return host.rpartition(".")[0] + ".0/24"
    try:
        address = IPv6Address(host)
    except ValueError:
        return ""
    return str(IPv6Address(int(address) >> 64 << 64)) + "/64"


@lru_cache(maxsize=4096)
def phone_of(user_agent: str) -> Mapping[str, str]:
    """Model and firmware from User-Agent: "Yealink SIP-T46U 108.86.0.20" and the like."""
    text = user_agent.strip()[:_AGENT_CHARACTERS]
    if not text:
        return {}
    match = _FIRMWARE.search(text)
    if match is None:
        return {"model": text}
    model = text[: match.start()].strip(" /-_")
    return {"model": model or text, "firmware": f"{model} {match[1]}".strip()}
