"""How a process gives its place to another, and how that one goes on: `talkpath upgrade`.

The listeners stay open all the while, so that who connects or sends waits and is not refused. Each call is said
for the last time, as to another node of a cluster (`edge/nodes/keeping.py`), and goes on once the other process has
begun. Connections end with the process that had them; their phones come back to their calls.
"""

import asyncio
import subprocess
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from talkpath.app.cluster.shared_calls import CallCodec
from talkpath.app.config.mistakes import BadConfig
from talkpath.app.console.phrase import phrase
from talkpath.app.process.beside import beside
from talkpath.app.reload import words as texts
from talkpath.app.reload.legacy import Legacy
from talkpath.app.reload.reload import Outcome
from talkpath.edge.core import Entropy
from talkpath.edge.edge import Edge
from talkpath.net.media import MediaDriver
from talkpath.net.signalling import Signalling
from talkpath.secure.certificate import Certificate

# How long a call that begins, or whose keys are being agreed upon, is waited for, and how often it is looked at.
_WAIT_S = 3.0
_LOOK_S = 0.05
# How long BYEs of calls that cannot go along may take to leave.
_PARTING_S = 0.3
# How long the program as it is installed now may take to show that it can be loaded.
_LOAD_S = 60.0


async def may_begin_anew(is_alone: bool, read: Callable[[], object], loop: AbstractEventLoop) -> Outcome:
    """Whether another process would begin: its configuration is good, and what is installed can be loaded."""
    if not is_alone:
        return Outcome(False, (phrase(texts.UPGRADE_OF_A_NODE),))
    try:
        await beside(loop, read, "talkpath-upgrade")
    except BadConfig as bad:
        return Outcome(False, (*bad.mistakes, phrase(texts.NOT_REPLACED)))
    why = await beside(loop, _why_not_loaded, "talkpath-upgrade")
    if why:
        return Outcome(False, (phrase(texts.REASON, reason=why), phrase(texts.NOT_REPLACED)))
    return Outcome(True, (phrase(texts.REPLACING),))


def _why_not_loaded() -> str:
    command = [sys.executable, "-c", "import talkpath.app.node.node, talkpath.app.cli"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LOAD_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


async def bequeath(
    edge: Edge, signalling: Signalling, media: MediaDriver, entropy: Entropy, now: Callable[[], float]
) -> Legacy:
    """Say everything for the last time."""
    until = now() + _WAIT_S
    while not edge.keeping.prepare(now()):
        if now() >= until:
            break
        await asyncio.sleep(_LOOK_S)
    sockets = signalling.bequeath()
    known = edge.keeping.bequeath(now())
    if edge.core.calls:
        edge.stop_calls(now())
        signalling.pump()
        await asyncio.sleep(_PARTING_S)
    codec, certificate = CallCodec(), media.certificate
    return Legacy(
        sockets=tuple(sockets),
        calls=tuple(codec.written(one) for one in known),
        nonce_key=entropy.nonce_key,
        certificate=certificate.der,
        certificate_key=certificate.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        left_at=now(),
    )


def go_on(legacy: Legacy, edge: Edge, now: float) -> None:
    """Go on with the calls of the process before."""
    codec = CallCodec()
    for data in legacy.calls:
        edge.keeping.take_over(codec.read(data), "", max(0.0, now - legacy.left_at), now)


def certificate_of(legacy: Legacy) -> Certificate | None:
    """The certificate for DTLS of the process before; None where there was none."""
    if not legacy.certificate:
        return None
    key = serialization.load_der_private_key(legacy.certificate_key, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return Certificate(legacy.certificate, key)
