"""Several nodes as one."""

from typing import Annotated

import msgspec

from talkpath.app.config.field import doc
from talkpath.base.redact import Secret


class ClusterNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node between which addresses move, for keepalived. The order of the nodes is the order of heirs."""

    name: Annotated[str, doc("What the node is called: its `node`.", "节点名称，即其 `node`。", of="node name")]
    address: Annotated[
        str,
        doc(
            "Its own address, in the network in which the addresses move: there the nodes hear each other (VRRP).",
            "该节点自己的地址，位于地址漂移所在的网络；各节点在此互相监听（VRRP）。",
            of="address",
        ),
    ]
    owns: Annotated[
        tuple[str, ...],
        doc(
            "Which of `addresses` it has while it lives, and gets back half a minute after it came back. One that "
            "nobody owns stays where it is until that node dies.",
            "它在线时持有 `addresses` 中的哪些地址；恢复半分钟后重新取回。无主的地址留在原处，直到所在节点故障。",
            of="address",
        ),
    ] = ()


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes that know each other's registrations and ring each other's phones (docs/operate/cluster.md)."""

    name: Annotated[
        str,
        doc(
            "What the cluster is called, the same on every node: letters, digits and hyphens. Empty: this node is "
            "alone.",
            "集群名称，各节点相同：字母、数字和连字符。留空：单节点运行。",
            of="node name",
        ),
    ] = ""
    node: Annotated[
        str,
        doc(
            "What this node is called, unlike any other: letters, digits and hyphens.",
            "本节点名称，不得与其他节点相同：字母、数字和连字符。",
            of="node name",
        ),
    ] = ""
    urls: Annotated[
        tuple[str, ...],
        doc(
            "The NATS servers with JetStream that hold what the nodes share, such as nats://192.0.2.21:4222. Name "
            "all of them: three, so that one may fail. tls:// where they want it.",
            "保存节点共享内容的 NATS 服务器（需启用 JetStream），例如 nats://192.0.2.21:4222。"
            "请全部列出：三台，可容许一台故障。需要 TLS 时写 tls://。",
            of="engine",
        ),
    ] = ()
    user: Annotated[str, doc("Who we are there. Empty: nobody asks.", "登录用户名。留空：无需登录。")] = ""
    password: Annotated[
        Secret | None, doc("What proves it. It is shown nowhere.", "登录密码。不会在任何地方显示。")
    ] = None
    ca: Annotated[
        str,
        doc(
            "A PEM file with the authorities one of which must have signed the servers' certificates, for TLS. Left "
            "out: those that this system trusts.",
            "PEM 文件，列出服务器 TLS 证书须由其中之一签发的机构。省略时为本系统所信任者。",
            of="file",
        ),
    ] = ""
    certificate: Annotated[
        str,
        doc(
            "A PEM file with the certificate that we show them, for TLS. Empty: none.",
            "PEM 文件，我方在 TLS 中出示的证书。留空：不出示。",
            of="file",
        ),
    ] = ""
    key: Annotated[str, doc("The PEM file with its private key.", "该证书私钥的 PEM 文件。", of="file")] = ""
    secret: Annotated[
        Secret | None,
        doc(
            "What all records are sealed with, the same on every node, at least 16 characters. Make one: "
            "openssl rand -base64 32. It is shown nowhere.",
            "密封所有记录的密钥，各节点相同，至少 16 个字符。生成：openssl rand -base64 32。不会在任何地方显示。",
        ),
    ] = None
    address: Annotated[
        str,
        doc(
            "Where the other nodes reach this node's signalling: the address and port of a TCP listener, or of a UDP "
            "one where there is no TCP. Empty: the first such listener, at the first address of this host.",
            "其他节点访问本节点信令的地址：某个 TCP 监听的地址和端口，没有 TCP 时为 UDP。"
            "留空：第一个此类监听，使用本机第一个地址。",
            of="address and port",
        ),
    ] = ""
    addresses: Annotated[
        tuple[str, ...],
        doc(
            "Addresses that one node after the other has (VRRP): who gets one goes on with the calls that ran at it. "
            "The same on every node.",
            "由各节点轮流持有的地址（VRRP）：获得该地址的节点会继续其上的通话。各节点相同。",
            of="address",
        ),
    ] = ()
    nodes: Annotated[
        tuple[ClusterNode, ...],
        doc(
            "The nodes in the order in which they inherit addresses: of each address its owner first, then who "
            "stands behind it, round and round. The same on every node; only `talkpath keepalived` needs it.",
            "按继承地址的顺序列出各节点：每个地址先归其所有者，再依次循环轮到后面的节点。各节点相同；"
            "仅 `talkpath keepalived` 需要。",
        ),
    ] = ()
    vrrp_id: Annotated[
        int,
        doc(
            "The first of the router ids (VRRP) that `talkpath keepalived` uses, one for each owner of addresses. "
            "Nobody else in that network may use them.",
            "`talkpath keepalived` 使用的首个路由器编号（VRRP），每个所有者各用一个。该网络中不得有他人使用。",
            ge=1,
            le=223,
        ),
    ] = 51
