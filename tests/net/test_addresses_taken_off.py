"""An address is taken off the interface that has it, by who may."""

import ctypes
import os
import subprocess
import threading

import pytest

from talkpath.net.addresses import take_off
from talkpath.net.interfaces import Interfaces

_NEW_NETWORK = 0x40000000


def in_a_network_of_its_own(work) -> None:
    """A thread's namespace ends with it."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            work()
        except BaseException as error:  # noqa: BLE001 - raised again outside
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


@pytest.mark.live
@pytest.mark.parametrize("address", ["192.0.2.10/24", "192.0.2.10/32", "2001:db8::10/64"])
def test_an_address_is_taken_off(address: str) -> None:
    host = address.partition("/")[0]

    def work() -> None:
        subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
        assert host in Interfaces().addresses
        take_off(host)
        assert host not in Interfaces().addresses

    in_a_network_of_its_own(work)


def test_what_is_not_here_is_no_fault() -> None:
    take_off("192.0.2.77")
