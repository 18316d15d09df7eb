"""A DNS server on loopback, over UDP and TCP, whose records and faults are the test's."""

import asyncio
import socket
from collections import Counter
from pathlib import Path
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

HOST = "127.0.0.1"
TTL_S = 300


class DnsServer:
    """Answers for everything; what it does not know does not exist."""

    def __init__(self, directory: Path) -> None:
        self.records: dict[tuple[str, str], dns.rrset.RRset] = {}
        #: what becomes of questions of a name: `silent`, `SERVFAIL`, `truncated`
        self.faults: dict[str, str] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.order: list[tuple[str, str]] = []
        #: the same over TCP
        self.asked_again: Counter[tuple[str, str]] = Counter()
        self.port = 0
        self.conf = directory / "resolv.conf"
        self.conf.write_text(f"nameserver {HOST}\nsearch example.net\n")
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None

    def add(self, name: str, kind: str, *values: str, ttl: int = TTL_S) -> None:
        rrset = dns.rrset.from_text_list(dns.name.from_text(name), ttl, "IN", kind, values)
        self.records[name, kind] = rrset

    async def start(self) -> None:
        sock = await self._start()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), sock=sock)

    async def _start(self) -> socket.socket:
        """Serve TCP; the socket for UDP at the same port, which must be free of other programs for both."""
        while True:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((HOST, 0))
            self.port = sock.getsockname()[1]
            try:
                self._server = await asyncio.start_server(self._serve, HOST, self.port)
            except OSError:
                sock.close()
            else:
                return sock

    def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            size = int.from_bytes(await reader.readexactly(2), "big")
            answer = self.answer(await reader.readexactly(size), is_datagram=False)
            if answer is not None:
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        finally:
            writer.close()

    def answer(self, data: bytes, is_datagram: bool) -> bytes | None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        (self.asked if is_datagram else self.asked_again)[name, kind] += 1
        self.order.append((name, kind))
        fault = self.faults.get(name) or self.faults.get("*")
        if fault == "silent":
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if fault == "SERVFAIL":
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        if fault == "truncated" and is_datagram:
            response.flags |= dns.flags.TC
            return response.to_wire()
        self._fill(response, name, kind)
        try:
            return response.to_wire(max_size=512 if is_datagram else 65_535)
        except dns.exception.TooBig:
            short = dns.message.make_response(query)
            short.flags |= dns.flags.RA | dns.flags.TC
            return short.to_wire()

    def _fill(self, response: dns.message.Message, name: str, kind: str) -> None:
        while (alias := self.records.get((name, "CNAME"))) is not None and kind != "CNAME":
            response.answer.append(alias)
            name = alias[0].target.to_text(omit_final_dot=True)
        found = self.records.get((name, kind))
        if found is not None:
            response.answer.append(found)
            return
        if not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        soa = f"ns.example.net. admin.example.net. 1 3600 600 86400 {TTL_S}"
        response.authority.append(dns.rrset.from_text("net.", TTL_S, "IN", "SOA", soa))


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._server.answer(data, is_datagram=True)
        if answer is not None:
            self._transport.sendto(answer, addr)
