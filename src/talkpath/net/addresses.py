"""Tells at once when this host gets an address, or loses one.

The kernel says so on a netlink socket (rtnetlink(7)). An address that several hosts share (VRRP) comes and goes in
a fraction of a second, and who has it goes on with its calls. Where there is no netlink, nothing is told here.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

# RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR of <linux/rtnetlink.h>.
_GROUPS: Final = 0x10 | 0x100
_BUFFER: Final = 65_536


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
