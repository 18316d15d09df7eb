"""Those who collect what crosses this edge."""

from typing import Annotated, Literal

import msgspec

from talkpath.app.config.field import doc
from talkpath.base.redact import Secret


class HepTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One collector. One that is away costs what was meant for it and nothing else."""

    address: Annotated[
        str,
        doc(
            'Where it listens: a name or an address, and a port ("homer.example:9060"). Without a port: 9060.',
            "收集器的位置：名称或地址，加端口（“homer.example:9060”）。不写端口时为 9060。",
            of="endpoint",
        ),
    ]
    transport: Annotated[
        Literal["UDP", "TCP"],
        doc("How it is sent there.", "发送方式。"),
    ] = "UDP"
    agent: Annotated[
        int,
        doc(
            "The number by which the collector knows this edge.",
            "收集器识别本边缘服务器所用的编号。",
            ge=0,
            le=4_294_967_295,
        ),
    ] = 2001
    node: Annotated[
        str,
        doc("The name by which it knows this edge. Empty: none.", "收集器识别本边缘服务器所用的名称。留空：无。"),
    ] = ""
    key: Annotated[
        Secret | None,
        doc(
            "What the collector wants to see in each message (HEP's authentication key). It is shown nowhere.",
            "收集器要求每条消息携带的密钥（HEP 的认证密钥）。不会在任何地方显示。",
        ),
    ] = None
    secrets: Annotated[
        bool,
        doc(
            "Whether messages leave as they are. Otherwise proofs of passwords, keys of SDES and passwords of ICE "
            "are starred out, for HEP is not encrypted.",
            "消息是否原样发出。否则密码证明、SDES 密钥和 ICE 密码以星号代替，因为 HEP 不加密。",
        ),
    ] = False
