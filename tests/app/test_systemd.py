"""What systemd is told."""

import socket
from pathlib import Path

from talkpath.app.process.systemd import Systemd


def test_each_word_is_a_datagram_and_without_systemd_there_is_none(tmp_path: Path) -> None:
    place = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(place))
        told = Systemd({"NOTIFY_SOCKET": str(place)})
        told.ready()
        told.reloading()
        told.stopping()
        assert listening.recv(100) == b"READY=1"
        assert listening.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert listening.recv(100) == b"STOPPING=1"
    told.ready()
    Systemd({}).ready()
