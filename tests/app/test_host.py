import errno
import socket
from ipaddress import ip_address

import pytest

from talkpath.app.config.listeners import Listener
from talkpath.app.node.settings import guest_networks
from talkpath.app.process.host import cannot_listen, host_addresses, reachable
from talkpath.base.address import Address, Transport
from talkpath.base.texts import Language


def test_host_has_loopback_last() -> None:
    assert host_addresses()[-1] in ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("advertised", "expected"),
    [
        ("sip.example.com", "sip.example.com:5060"),
        ("sip.example.com:6060", "sip.example.com:6060"),
        ("203.0.113.5", "203.0.113.5:5060"),
        ("2001:db8::5", "[2001:db8::5]:5060"),
        ("[2001:db8::5]", "[2001:db8::5]:5060"),
        ("[2001:db8::5]:6060", "[2001:db8::5]:6060"),
    ],
)
def test_what_is_advertised_is_where_phones_connect(advertised: str, expected: str) -> None:
    assert reachable(Listener(transport=Transport.UDP, advertised=advertised)) == [expected]


def test_taken_port_names_the_process() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        listener = Listener(transport=Transport.UDP, address="127.0.0.1", port=holder.getsockname()[1])
        error = OSError(errno.EADDRINUSE, "Address already in use")
        trouble = cannot_listen(listener, Address(listener.address, listener.listening_port), error)
    said = trouble.what.say(Language.EN)
    assert f"UDP port {listener.port} is already used by python" in said
    assert "Stop that, or give talkpath another port" in said


def test_port_below_1024_without_root_says_so() -> None:
    listener = Listener(transport=Transport.WSS, port=443)
    trouble = cannot_listen(listener, Address("0.0.0.0", 443), PermissionError(errno.EACCES, "Permission denied"))
    assert trouble.what.say(Language.ZH) == "WSS 端口 443 需要 root 权限。请使用 1023 以上的端口，或以 root 运行。"


@pytest.mark.parametrize(
    ("networks", "is_guest"),
    [(("127.0.0.0/8", "10.0.0.0/8"), True), (("::1/128",), True), (("10.0.0.0/8",), False), ((), False)],
)
def test_where_loopback_may_be_a_guest_so_may_every_address_of_this_host(
    networks: tuple[str, ...], is_guest: bool
) -> None:
    allowed = guest_networks(networks, ["203.0.113.5", "2001:db8::5", "127.0.0.1"])
    for own in ("203.0.113.5", "2001:db8::5"):
        assert any(ip_address(own) in network for network in allowed) is is_guest
    assert not any(ip_address("203.0.113.6") in network for network in allowed)
