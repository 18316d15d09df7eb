"""Tells at once when this host gets an address, or loses one, and takes one off.

The kernel says so on a netlink socket (rtnetlink(7)). An address that several hosts share (VRRP) comes and goes in
a fraction of a second, and who has it goes on with its calls. Where there is no netlink, nothing is told here.
"""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import Final

import psutil

from talkpath.net.interfaces import bits_of

# RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR of <linux/rtnetlink.h>.
_GROUPS: Final = 0x10 | 0x100
_BUFFER: Final = 65_536

# Of <linux/netlink.h> and <linux/rtnetlink.h>: NLMSG_ERROR, RTM_DELADDR, NLM_F_REQUEST with NLM_F_ACK, IFA_LOCAL.
_ERROR: Final = 2
_DELETE: Final = 21
_WITH_RECEIPT: Final = 1 | 4
_LOCAL: Final = 2
# Length, type, flags, number, process; family, bits, flags, scope, index; length and type of an attribute.
_HEADER: Final = struct.Struct("=IHHII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_CODE: Final = struct.Struct("=i")


class AddressWatch:
    """Calls `changed` once for each burst of news. What changed is for the listener to see."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Begin to listen."""
        try:
            opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
            opened.bind((0, _GROUPS))
        except (AttributeError, OSError):
            return
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened, self._read)

    def close(self) -> None:
        """Stop to listen."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        assert self._socket is not None
        while True:
            try:
                self._socket.recv(_BUFFER)
            except OSError as error:
                # ENOBUFS: more was said than fits; that something changed is known all the same.
                if error.errno != errno.ENOBUFS:
                    break
        self._changed()


def take_off(host: str) -> None:
    """Take an address off the interface that has it. Raises OSError: who may not, or where there is no netlink."""
    for name, known in psutil.net_if_addrs().items():
        for one in known:
            if one.address == host:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                _delete(family, host, bits_of(one.netmask, 128 if ":" in host else 32), socket.if_nametoindex(name))


def _delete(family: int, host: str, bits: int, index: int) -> None:
    address = socket.inet_pton(family, host)
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(address), _LOCAL) + address
    length = _HEADER.size + _ADDRESS.size + len(attribute)
    header = _HEADER.pack(length, _DELETE, _WITH_RECEIPT, 1, 0)
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        asked.send(header + _ADDRESS.pack(family, bits, 0, 0, index) + attribute)
        answer = asked.recv(_BUFFER)
    _, kind, *_ = _HEADER.unpack_from(answer)
    (code,) = _CODE.unpack_from(answer, _HEADER.size)
    if kind == _ERROR and code:
        raise OSError(-code, os.strerror(-code))
