"""What keepalived is to do on this node, as its configuration (`talkpath keepalived`).

One VRRP instance for each owner of addresses, and one for those that nobody owns; who inherits is the order of the
nodes. VRRP knows no passwords from version 3 on (RFC 5798 section 9), so only packets of the other nodes are heard.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from pathlib import Path
from typing import NamedTuple

import psutil

from talkpath.app.cluster import keepalived_words as words
from talkpath.app.cluster.alive import FILE
from talkpath.app.cluster.keepalived_check import CHECK, EVERY_S, PATIENCE_S
from talkpath.app.config.cluster import Cluster
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Trouble, phrase
from talkpath.app.state.directory import state_directory
from talkpath.base.texts import Language
from talkpath.net.interfaces import bits_of

DIRECTORY = Path("/etc/keepalived")
_CONFIG, _SCRIPT = "keepalived.conf", "talkpath-check"
# The first heir of a node that stops waits for (256 - priority) / 256 of an advertisement (RFC 5798 section 6.1), so
# steps keep the second from taking it in the same moment.
_FIRST_PRIORITY, _STEP = 250, 40
# A node that comes back is left alone until it has read what the others have.
_RETURN_S = 30


class Place(NamedTuple):
    """The interface that has this node's own address."""

    interface: str
    own: IPv4Interface | IPv6Interface


class Group(NamedTuple):
    """Addresses that move together. `heirs`: names of nodes, the owner first; `owner` is "" where there is none."""

    owner: str
    addresses: tuple[str, ...]
    heirs: tuple[str, ...]


def print_configuration(config: Config) -> None:
    """To standard output."""
    print(configuration(config, place_of(own_address(config.cluster)), DIRECTORY / _SCRIPT), end="")


def write_configuration(config: Config, directory: Path, language: Language) -> None:
    """keepalived's configuration and the script it calls, and what keepalived says of them. Raises `Trouble`."""
    text = configuration(config, place_of(own_address(config.cluster)), directory.absolute() / _SCRIPT)
    try:
        _write(directory / _SCRIPT, CHECK, 0o755)
        _write(directory / _CONFIG, text, 0o644)
    except OSError as error:
        what = phrase(words.UNWRITABLE, path=directory, reason=error.strerror or "")
        raise Trouble("keepalived-unwritable", what) from error
    found = shutil.which("keepalived", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    said = words.WRITTEN_UNTRIED if found is None else words.WRITTEN
    if found is not None:
        argv = [found, "-t", "-f", str(directory / _CONFIG)]
        tried = subprocess.run(argv, capture_output=True, text=True, check=False)
        if tried.returncode:
            reason = (tried.stderr or tried.stdout).strip()
            raise Trouble("keepalived-refuses", phrase(words.REFUSED, path=directory / _CONFIG, reason=reason))
    print(phrase(said, path=directory / _CONFIG).say(language), file=sys.stderr)


def own_address(cluster: Cluster) -> str:
    """Where this node is heard by the others. Raises `Misuse` for a cluster in which nothing moves."""
    if not cluster.addresses or len(cluster.nodes) < 2:
        raise Misuse("nothing-moves", phrase(words.NOTHING_MOVES))
    return next(node.address for node in cluster.nodes if node.name == cluster.node)


def place_of(address: str) -> Place:
    """The interface of this host that has an address. Raises `Trouble`."""
    wanted = ip_address(address)
    for name, known in psutil.net_if_addrs().items():
        for one in known:
            if one.address.partition("%")[0] == str(wanted):
                return Place(name, ip_interface((address, bits_of(one.netmask, wanted.max_prefixlen))))
    raise Trouble("not-here", phrase(words.NOT_HERE, address=address))


def groups(cluster: Cluster) -> Iterator[Group]:
    """What moves together, and to whom."""
    names = [node.name for node in cluster.nodes]
    owned = {address for node in cluster.nodes for address in node.owns}
    free = tuple(address for address in cluster.addresses if address not in owned)
    for at, node in enumerate(cluster.nodes):
        if node.owns:
            yield Group(node.name, node.owns, (*names[at:], *names[:at]))
    if free:
        yield Group("", free, tuple(names))


def configuration(config: Config, place: Place, script: Path) -> str:
    """The whole of keepalived.conf for this node. Raises `Misuse`."""
    cluster, file = config.cluster, state_directory(config).absolute() / FILE
    peers = [node.address for node in cluster.nodes if node.name != cluster.node]
    blocks = [_GLOBAL]
    if len({ip_address(node.address).version for node in cluster.nodes}) > 1:
        raise Misuse("two-families", phrase(words.TWO_FAMILIES))
    for number, group in enumerate(groups(cluster)):
        name = f"{cluster.name}-{number + 1}"
        blocks.append(_block(f"vrrp_script {name}", _script(f"{script} {file} {' '.join(group.addresses)}")))
        instance = _instance(group, cluster.node, place, cluster.vrrp_id + number, name, peers)
        blocks.append(_block(f"vrrp_instance {name}", instance))
    return "\n".join(blocks)


_GLOBAL = """# Written by `talkpath keepalived`, which writes it anew: changes belong into talkpath.toml.
global_defs {
  vrrp_version 3
  vrrp_priority -20
  vrrp_no_swap
  vrrp_garp_master_refresh 60
  enable_script_security
  script_user root
}
"""


def _script(command: str) -> list[str]:
    return [f'script "{command}"', f"interval {EVERY_S}", f"timeout {PATIENCE_S}", "fall 1", "rise 1", "init_fail"]


def _instance(group: Group, node: str, place: Place, router: int, script: str, peers: list[str]) -> list[str]:
    step = min(_STEP, (_FIRST_PRIORITY - 1) // len(group.heirs))
    stays = f"preempt_delay {_RETURN_S}" if group.owner else "nopreempt"
    # An instance speaks one family; addresses of the other one go with it unsaid.
    same = [one for one in group.addresses if ip_address(one).version == place.own.version]
    other = [one for one in group.addresses if one not in same]
    if not same:
        what = phrase(words.NONE_OF_FAMILY, address=group.addresses[0], family=f"IPv{place.own.version}")
        raise Misuse("none-of-family", what)
    lines = [
        "state BACKUP",
        stays,
        f"interface {place.interface}",
        f"virtual_router_id {router}",
        f"priority {_FIRST_PRIORITY - step * group.heirs.index(node)}",
        "advert_int 0.1",
        f"unicast_src_ip {place.own.ip}",
        f"unicast_peer {{ {' '.join(peers)} }}",
        "check_unicast_src",
    ]
    for keyword, addresses in (("virtual_ipaddress", same), ("virtual_ipaddress_excluded", other)):
        if addresses:
            lines += [f"{keyword} {{", *(f"  {_at(one, place)}" for one in addresses), "}"]
    return [*lines, f"track_script {{ {script} }}"]


def _at(address: str, place: Place) -> str:
    """With the length of the network it lies in; one of another network is there for itself."""
    one = ip_address(address)
    is_near = one.version == place.own.version and one in place.own.network
    bits = place.own.network.prefixlen if is_near else one.max_prefixlen
    return f"{address}/{bits} dev {place.interface}"


def _block(head: str, lines: list[str]) -> str:
    return "\n".join([f"{head} {{", *(f"  {line}" for line in lines), "}\n"])


def _write(path: Path, text: str, mode: int) -> None:
    """keepalived runs no script that others than root could have written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
