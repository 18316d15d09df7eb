"""Why a call's media cannot be said as data at this moment (`MediaSession.save`)."""

from talkpath.base.texts import Text

UNSAID = {
    "handshake": Text(
        en="DTLS with the {side} is between its first word and its keys, with which nobody else could go on",
        zh="与{side}的 DTLS 握手正在进行，尚无密钥，其他节点无法接续",
    ),
}
