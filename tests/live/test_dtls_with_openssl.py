"""Our DTLS endpoint against the openssl of the system, over loopback, in both roles."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from talkpath.base.address import Address
from talkpath.secure.certificate import Certificate
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.events import Begun, DtlsArrived, EndpointInput, KeysAgreed, RemoteDescribed, SendDtls
from talkpath.secure.identity import Identity

pytestmark = pytest.mark.live

PROFILES = ["SRTP_AEAD_AES_256_GCM", "SRTP_AEAD_AES_128_GCM", "SRTP_AES128_CM_SHA1_80", "SRTP_AES128_CM_SHA1_32"]


class Driver(asyncio.DatagramProtocol):
    """A socket and a timer around one endpoint."""

    def __init__(self, endpoint: DtlsEndpoint) -> None:
        self.endpoint = endpoint
        self.agreed: asyncio.Future[KeysAgreed] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.tell(DtlsArrived((0, Address(*addr[:2])), data))

    def tell(self, event: EndpointInput) -> None:
        self.endpoint.receive(event, time.time())
        self._pump()

    def _expire(self) -> None:
        self.endpoint.expire(time.time())
        self._pump()

    def _pump(self) -> None:
        for output in self.endpoint.drain():
            if isinstance(output, SendDtls):
                self._transport.sendto(output.data, output.path[1])
            elif isinstance(output, KeysAgreed):
                self.agreed.set_result(output)
        if self._timer is not None:
            self._timer.cancel()
        if (at := self.endpoint.deadline()) is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, at - time.time()), self._expire)


@pytest.fixture(scope="module")
def ours() -> Identity:
    return Identity(Certificate.make(time.time()), bytes(32))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Certificate, Path]:
    """A certificate for openssl, with its key, in one file."""
    made = Certificate.make(time.time())
    path = tmp_path_factory.mktemp("openssl") / "both.pem"
    private = made.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + x509.load_der_x509_certificate(made.der).public_bytes(serialization.Encoding.PEM))
    return made, path


@asynccontextmanager
async def openssl(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        "openssl",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def exported(process: asyncio.subprocess.Process) -> bytes:
    """The keying material as openssl prints it."""
    assert process.stdout is not None
    async for line in process.stdout:
        if found := re.search(rb"Keying material: ([0-9A-F]+)", line):
            return bytes.fromhex(found[1].decode())
    raise AssertionError("openssl ended without keys")


def material(agreed: KeysAgreed) -> bytes:
    ours, theirs = agreed.keys.ours, agreed.keys.theirs
    client, server = (ours, theirs) if agreed.as_client else (theirs, ours)
    return client.key + server.key + client.salt + server.salt


def options(profile: str, pem: Path) -> list[str]:
    size = {"SRTP_AEAD_AES_256_GCM": 88, "SRTP_AEAD_AES_128_GCM": 56}.get(profile, 60)
    export = ["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", str(size)]
    return ["-dtls1_2", "-cert", str(pem), "-key", str(pem), "-use_srtp", profile, "-mtu", "1200", *export]


@pytest.mark.parametrize("cookie", [False, True])
@pytest.mark.parametrize("profile", PROFILES)
async def test_openssl_calls_us(ours: Identity, theirs: tuple[Certificate, Path], profile: str, cookie: bool) -> None:
    certificate, pem = theirs
    driver = Driver(DtlsEndpoint(ours, cookie=cookie))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: driver, local_addr=("127.0.0.1", 0)
    )
    driver.tell(RemoteDescribed((certificate.fingerprint,)))
    port = transport.get_extra_info("sockname")[1]
    try:
        async with openssl("s_client", "-connect", f"127.0.0.1:{port}", *options(profile, pem)) as process:
            keys = await asyncio.wait_for(exported(process), 10)
            agreed = await asyncio.wait_for(driver.agreed, 10)
    finally:
        transport.close()
    assert agreed.keys.suite.openssl_name == profile
    assert material(agreed) == keys


@pytest.mark.parametrize("profile", PROFILES)
async def test_we_call_openssl(ours: Identity, theirs: tuple[Certificate, Path], profile: str) -> None:
    certificate, pem = theirs
    driver = Driver(DtlsEndpoint(ours))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: driver, local_addr=("127.0.0.1", 0)
    )
    driver.tell(RemoteDescribed((certificate.fingerprint,)))
    arguments = ["s_server", "-accept", "127.0.0.1:47113", "-Verify", "1", *options(profile, pem)]
    try:
        async with openssl(*arguments) as process:
            # Should openssl not listen yet, the first flight is repeated.
            driver.tell(Begun((0, Address("127.0.0.1", 47113))))
            keys = await asyncio.wait_for(exported(process), 20)
            agreed = await asyncio.wait_for(driver.agreed, 20)
    finally:
        transport.close()
    assert agreed.keys.suite.openssl_name == profile
    assert material(agreed) == keys
