"""Listening sockets that were open before the process began."""

import asyncio
import os
import socket
from pathlib import Path

from tests.net.test_signalling_over_sockets import HOST, Server, answers, options

from talkpath.base.address import Transport
from talkpath.net.inherited import Inherited, of_systemd
from talkpath.net.listening import Endpoint
from talkpath.net.signalling import Limits


def test_what_systemd_hands_over_is_of_this_process_alone() -> None:
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b", "HOME": "/"}
    assert of_systemd(environ) == [3, 4]
    assert environ == {"HOME": "/"}
    assert of_systemd({"LISTEN_PID": "1", "LISTEN_FDS": "2"}) == []
    assert of_systemd({}) == []


async def test_who_came_before_the_process_did_is_served_by_it(tmp_path: Path) -> None:
    listening, datagrams = socket.create_server((HOST, 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((HOST, 0))
    ports = listening.getsockname()[1], datagrams.getsockname()[1]
    early = socket.create_connection((HOST, ports[0]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.setblocking(False)
        phone.bind((HOST, 0))
        phone.sendto(options("UDP", 1), (HOST, ports[1]))
        unwanted = socket.create_server((HOST, 0))
        place = unwanted.getsockname()
        server = Server(tmp_path, Limits(10, 10))
        server.signalling.inherit(Inherited([one.detach() for one in (listening, datagrams, unwanted)]))
        for transport, port in zip((Transport.TCP, Transport.UDP), ports, strict=True):
            await server.signalling.open(Endpoint(transport, HOST, port))
        await server.signalling.start(server.edge)
        async with asyncio.timeout(10):
            assert (await asyncio.get_running_loop().sock_recv(phone, 9000)).startswith(b"SIP/2.0 200")
    reader, writer = await asyncio.open_connection(sock=early)
    writer.write(options("TCP", 2))
    assert await answers(reader, 1) == [b"SIP/2.0 200 OK"]
    writer.close()
    # Nobody listens where no listener wanted the socket.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)
    server.signalling.close()
    await asyncio.sleep(0)


async def test_a_process_that_leaves_keeps_its_listeners_open_for_the_next(tmp_path: Path) -> None:
    port = socket.create_server((HOST, 0))
    number = port.getsockname()[1]
    port.close()
    first = Server(tmp_path, Limits(10, 10))
    endpoints = [Endpoint(transport, HOST, number) for transport in (Transport.TCP, Transport.UDP)]
    for endpoint in endpoints:
        await first.signalling.open(endpoint)
    await first.signalling.start(first.edge)
    left = first.signalling.bequeath()
    first.signalling.close()
    early = socket.create_connection((HOST, number))
    second = Server(tmp_path, Limits(10, 10))
    second.signalling.inherit(Inherited(left))
    for endpoint in endpoints:
        await second.signalling.open(endpoint)
    await second.signalling.start(second.edge)
    reader, writer = await asyncio.open_connection(sock=early)
    writer.write(options("TCP", 3))
    assert await answers(reader, 1) == [b"SIP/2.0 200 OK"]
    writer.close()
    second.signalling.close()
    await asyncio.sleep(0)
