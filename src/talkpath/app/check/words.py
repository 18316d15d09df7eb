"""What `talkpath check` remarks on a configuration without mistakes."""

from talkpath.base.texts import Text

MEDIA_WITHOUT_ADDRESS = Text(
    "SIP is told {names}, a name, and media needs an address: phones outside are told the real address of this host "
    "for audio, and hear nothing where a NAT stands between. Write the address outside into `advertised` of a "
    "[[media.addresses]].",
    "信令公布的是名称 {names}，而媒体需要地址：外部话机得到的是本机的真实地址，中间有 NAT 时将听不到声音。"
    "请在 [[media.addresses]] 的 `advertised` 中写入外部地址。",
)
EVERYBODY_GUEST = Text(
    "`page.guests_from` has {networks}: everybody on the Internet may be a guest and call each user and `echo`. Name "
    "the networks of your visitors.",
    "`page.guests_from` 包含 {networks}：互联网上任何人都可以成为访客，呼叫每个用户和 `echo`。请写明访客所在的网络。",
)
EVERYBODY_TRUSTED = Text(
    "`authentication.trusted` has {networks}: everybody may register any user and call in any user's name, without a "
    "password. Name the networks of your own servers.",
    "`authentication.trusted` 包含 {networks}：任何人无需密码即可注册任何用户，并以任何用户的名义呼叫。"
    "请写明自己服务器所在的网络。",
)
EVERYBODY_PROXY = Text(
    "`websocket.trusted_proxies` has {networks}: everybody's X-Forwarded-For is believed, and with it any address "
    "that somebody claims. Name the web servers in front.",
    "`websocket.trusted_proxies` 包含 {networks}：任何人的 X-Forwarded-For 都会被采信，即可冒充任何地址。"
    "请写明前置的 Web 服务器。",
)
NEVER_ON_PUBLIC = Text(
    '`authentication.callers` is "never", and {address} is reached from the Internet: anybody calls in the name of '
    'anybody, also through your gateways. Write "accounts", or listen on private addresses only.',
    "`authentication.callers` 为“never”，而 {address} 可从互联网访问：任何人都能冒充任何人呼叫，也能经由本机的网关。"
    "请写“accounts”，或只在私有地址上监听。",
)

# The certificate.
ENDS_SOON = Text(
    "the certificate in {path} ends on {date}, in {days} days. Renew it.",
    "{path} 中的证书将于 {date} 过期，还有 {days} 天。请更新。",
)
BEGINS_LATER = Text(
    "the certificate in {path} begins on {date} only, and phones refuse it until then. Look at this host's clock.",
    "{path} 中的证书自 {date} 起才有效，此前话机会拒绝它。请检查本机时钟。",
)
NAMES_NOBODY = Text(
    "the certificate in {path} names no host (subjectAltName), and browsers refuse it. Have one made that does.",
    "{path} 中的证书没有写明主机名（subjectAltName），浏览器会拒绝它。请重新签发。",
)
OTHER_NAME = Text(
    "the certificate in {path} is for {names}, and not for {missing}: phones that are told that name refuse it. Have "
    "one made for it.",
    "{path} 中的证书用于 {names}，而不是 {missing}：使用该名称的话机会拒绝它。请为该名称签发证书。",
)
CHAIN_ENDS = Text(
    "the certificates in {path} end before an authority that this system knows: the one of {issuer} is missing. "
    "Phones and some browsers refuse such a chain. Append it to the file (ACME clients call the whole one "
    "fullchain.pem).",
    "{path} 中的证书链未到达本系统认可的机构：缺少 {issuer} 的证书。话机和部分浏览器会拒绝这样的证书链。"
    "请将其附加到文件末尾（ACME 客户端中完整的文件叫 fullchain.pem）。",
)
