"""What is said about a configuration file."""

from talkpath.base.texts import Text

# What a value must be.
A_WHOLE_NUMBER = Text("a whole number from {least} to {most}", " {least} 到 {most} 的整数")
A_NUMBER = Text("a number from {least} to {most}", " {least} 到 {most} 的数")
YES_OR_NO = Text("true or false", " true 或 false")
A_TEXT = Text("a text in quotes", "引号中的文本")
ONE_OF = Text("one of {choices}", "以下之一：{choices}")
A_TABLE = Text("a table of keys", "一个键值表")
A_LIST = Text("a list in brackets", "方括号中的列表")
A_LIST_OF_TABLES = Text("a list of tables, each under [[{key}]]", "表的列表，每个表写在 [[{key}]] 之下")

# The file and its shape.
FILE_UNREADABLE = Text(
    "cannot be read: {reason}. Check the name and the permissions.", "无法读取：{reason}。请检查文件名和权限。"
)
NOT_UTF8 = Text("is not UTF-8 text. Save the file as UTF-8.", "不是 UTF-8 文本。请以 UTF-8 保存该文件。")
NOT_TOML = Text("this is not TOML: {reason}.", "不符合 TOML 语法：{reason}。")
UNKNOWN_KEY = Text(
    'there is no key "{key}" {where}. The keys there are {known}.', "{where}没有键“{key}”。可用的键：{known}。"
)
UNKNOWN_KEY_NEAR = Text(
    'there is no key "{key}" {where}. Did you mean "{near}"?', "{where}没有键“{key}”。是否想写“{near}”？"
)
UNKNOWN_KEY_ELSEWHERE = Text(
    'there is no key "{key}" {where}. "{near}" belongs in [{table}].',
    "{where}没有键“{key}”。“{near}”应写在 [{table}] 中。",
)
AT_TOP = Text("at the top level", "顶层")
IN_TABLE = Text("in {table}", "{table} 中")
MISSING_KEY = Text('[[{table}]] needs the key "{key}". Add it.', "[[{table}]] 需要“{key}”。请补上。")
WRONG_VALUE = Text('"{key}" must be {expected}, not {found}.', "“{key}”必须是{expected}，而不是 {found}。")
WRONG_VALUE_NEAR = Text(
    '"{key}" must be {expected}, not {found}. Did you mean "{near}"?',
    "“{key}”必须是{expected}，而不是 {found}。是否想写“{near}”？",
)

# Single values.
NOT_AN_ADDRESS = Text(
    '"{value}" is not an IP address. Write one such as "192.0.2.10" or "2001:db8::10".',
    "“{value}”不是 IP 地址。请写成“192.0.2.10”或“2001:db8::10”这样的地址。",
)
NOT_AN_ADDRESS_OR_ANY = Text(
    '"{value}" is not an IP address. Write one such as "192.0.2.10", or "*" for every address.',
    "“{value}”不是 IP 地址。请写成“192.0.2.10”这样的地址，或用“*”表示所有地址。",
)
NOT_A_NETWORK = Text(
    '"{value}" is not a network. Write one such as "192.0.2.0/24" or "2001:db8::/32".',
    "“{value}”不是网络。请写成“192.0.2.0/24”或“2001:db8::/32”这样的网络。",
)
NOT_A_DIET = Text(
    '"{value}" cannot be left out. Write the name of a codec, such as "opus", or an attribute that no call needs, '
    'such as "a=label".',
    "“{value}”不能省略。请写编解码器名称（如“opus”），或通话并不需要的属性（如“a=label”）。",
)
NOT_A_HOME = Text(
    '"{value}" is no beginning of international numbers. Write a + and the country code, such as "+86".',
    "“{value}”不是国际号码的开头。请写 + 和国家代码，例如“+86”。",
)
NOT_A_REGION = Text(
    '"{value}" is no country. Write the two capital letters of ISO 3166, such as "DE".',
    "“{value}”不是国家。请写 ISO 3166 的两个大写字母，例如“CN”。",
)
NOT_A_PREFIX = Text(
    '"{value}" is not what is dialled before a number abroad. Write up to eight digits, such as "00" or "011".',
    "“{value}”不是拨打国际号码前所拨的前缀。请写最多八位数字，例如“00”或“011”。",
)
NETWORK_HOST_BITS = Text(
    '"{value}" has bits set behind its prefix. Did you mean "{near}"?',
    "“{value}”在前缀之后还有非零位。是否想写“{near}”？",
)
NOT_AN_ENDPOINT = Text(
    '"{value}" is not a host name or address. Write "sip.example.com", "203.0.113.5:5060" or "[2001:db8::5]:5060".',
    "“{value}”不是主机名或地址。请写成“sip.example.com”、“203.0.113.5:5060”或“[2001:db8::5]:5060”。",
)
NOT_A_DOMAIN = Text(
    '"{value}" is not a domain. Write a host name such as "example.com", without "sip:" and without a port.',
    "“{value}”不是域。请写成“example.com”这样的主机名，不带“sip:”和端口。",
)
NOT_A_HOST = Text(
    '"{value}" is not a host name or address. Write "sip.example.com" or "203.0.113.5", without a port.',
    "“{value}”不是主机名或地址。请写成“sip.example.com”或“203.0.113.5”，不带端口。",
)
NOT_ADDRESS_AND_PORT = Text(
    '"{value}" is not an address with a port. Write "127.0.0.1:9090" or "[::1]:9090".',
    "“{value}”不是带端口的地址。请写成“127.0.0.1:9090”或“[::1]:9090”。",
)
NOT_A_USER = Text(
    '"{value}" cannot be a user name. Use letters, digits and - _ . ! ~ * \' ( ) & = + $ , only.',
    "“{value}”不能作为用户名。只能使用字母、数字和 - _ . ! ~ * ' ( ) & = + $ ,。",
)
USER_IS_SERVICE = Text(
    'talkpath itself answers at "{value}". Choose another user name.',
    "“{value}”由 talkpath 自己应答。请换一个用户名。",
)
NOT_A_REALM = Text(
    '"{value}" cannot be a realm. Use one short line without quotes or backslashes.',
    "“{value}”不能作为认证域。请用不含引号和反斜杠的一行短文本。",
)
# Not repeated in what is said: a password or a secret key may have been put there.
NOT_A_STORE = Text(
    "This is no store. Write s3://bucket/folder, gs://bucket/folder, az://container/folder or file:///directory.",
    "这不是存储地址。请写 s3://桶/目录、gs://桶/目录、az://容器/目录或 file:///目录。",
)
NOT_A_WEB_ADDRESS = Text(
    "This is no web address. Write one like https://192.0.2.1:9000, without a user or password in it.",
    "这不是网址。请写成“https://192.0.2.1:9000”，不含用户名或密码。",
)
NOT_A_RECIPIENT = Text(
    "This is no public key of age. Make a pair with `age-keygen`; the one that begins with age1 belongs here.",
    "这不是 age 公钥。请用 `age-keygen` 生成密钥对；此处填以 age1 开头的那个。",
)
NO_NOTICE_SECRET = Text(
    "Notices are signed, and there is no `notice_secret`. Make one: echo whsec_$(openssl rand -base64 32).",
    "通知需要签名，但没有 `notice_secret`。请生成：echo whsec_$(openssl rand -base64 32)。",
)
NOT_A_NOTICE_SECRET = Text(
    "This is no secret for notices: whsec_ and 24 to 64 bytes in Base64. Make one: "
    "echo whsec_$(openssl rand -base64 32).",
    "这不是通知的签名密钥：应为 whsec_ 加 24 至 64 字节的 Base64。请生成：echo whsec_$(openssl rand -base64 32)。",
)
NOT_A_NODE_NAME = Text(
    '"{value}" cannot be the name of a cluster or node. Use up to 32 letters, digits and hyphens.',
    "“{value}”不能作为集群或节点的名称。请用不超过 32 个字母、数字和连字符。",
)
NOT_AN_ENGINE = Text(
    "This is no NATS server. Write one like nats://192.0.2.21:4222, without a user or password in it.",
    "这不是 NATS 服务器地址。请写成 nats://192.0.2.21:4222，不含用户名或密码。",
)
CLUSTER_HALF = Text(
    '[cluster] needs the key "{key}". Add it, or leave the whole table out.',
    "[cluster] 需要“{key}”。请补上，或去掉整个表。",
)
CLUSTER_SECRET_SHORT = Text(
    "This secret is too short: it seals the keys of calls. Use {least} characters or more: openssl rand -base64 32.",
    "密钥太短：它密封着通话的密钥。请用 {least} 个以上字符：openssl rand -base64 32。",
)
CLUSTER_NODE_TWICE = Text(
    "The node {node} stands here twice. Each has a name of its own.", "节点 {node} 出现两次。每个节点应有自己的名称。"
)
CLUSTER_NODE_MISSING = Text(
    "This node, {node}, is not among the nodes. Name all of them, the same on each.",
    "本节点 {node} 不在节点列表中。请列出所有节点，各节点相同。",
)
CLUSTER_OWNS_OTHER = Text(
    "{address} is not among the `addresses` that move. Add it there, or leave it out here.",
    "{address} 不在漂移的 `addresses` 中。请加入其中，或在此处去掉。",
)
CLUSTER_OWNED_TWICE = Text(
    "{address} has an owner already. Let one node own it; the others inherit it.",
    "{address} 已有所有者。只应由一个节点拥有，其余节点继承。",
)
NOT_A_DATABASE = Text(
    "This is no PostgreSQL database. Write one like postgresql://talkpath:PASSWORD@192.0.2.30/calls.",
    "这不是 PostgreSQL 数据库地址。请写成 postgresql://talkpath:密码@192.0.2.30/calls。",
)
NOT_A_COLLECTOR = Text(
    "This is no collector of OpenTelemetry. Write one like http://127.0.0.1:4318/v1/traces, without a password.",
    "这不是 OpenTelemetry 收集器地址。请写成 http://127.0.0.1:4318/v1/traces，不含密码。",
)
NO_ANNOUNCEMENT = Text(
    "The announcement {file} cannot be read: {why}. Name a sound file.",
    "无法读取提示语 {file}：{why}。请指定声音文件。",
)
ANNOUNCEMENT_NO_SOUND = Text(
    "There is no sound in {file}. Name a sound file (WAV, FLAC, MP3 and others).",
    "{file} 中没有声音。请指定声音文件（WAV、FLAC、MP3 等）。",
)
ANNOUNCEMENT_TOO_LONG = Text(
    "The announcement {file} lasts longer than {most} s. Nobody hears the other side meanwhile: make it shorter.",
    "提示语 {file} 超过 {most} 秒，期间双方听不到对方。请缩短。",
)
ANNOUNCEMENT_NEEDS_PYAV = Text(
    "Reading an announcement needs PyAV; install talkpath[audio].", "读取提示语需要 PyAV，请安装 talkpath[audio]。"
)
BEEPS_TOO_OFTEN = Text(
    "A beep takes 0.2 s of what is said: write {least:g} s or more, or 0 for none.",
    "每次提示音占用 0.2 秒通话：请写 {least:g} 秒或更多，或写 0 不播放。",
)
EMPTY_PASSWORD = Text(
    "the password of {user} is empty. Anyone could register. Write one.",
    "{user} 的密码为空，任何人都能注册。请设置密码。",
)

# Values that do not go together.
LISTENERS_OVERLAP = Text(
    "this listener takes {protocol} port {port}, which the one in line {line} already has. Change one of the ports.",
    "此监听占用 {protocol} 端口 {port}，第 {line} 行的监听已使用它。请更改其中一个端口。",
)
METRICS_OVERLAP = Text(
    "the listener in line {line} already takes TCP port {port}. Change one of the ports.",
    "第 {line} 行的监听已使用 TCP 端口 {port}。请更改其中一个端口。",
)
NOT_OUR_ADDRESS = Text(
    "no interface of this host has the address {address}. Write one that `ip address` lists; an address that "
    'only others see goes into "advertised".',
    "本机没有接口使用地址 {address}。请写 `ip address` 列出的地址；只有外部可见的地址请写入“advertised”。",
)
MEDIA_NOT_ONE_ADDRESS = Text(
    "{address} cannot be written into SDP. Write one address of this host.",
    "{address} 不能写入 SDP。请写本机的一个具体地址。",
)
MEDIA_FAMILY_TWICE = Text(
    "there is already an {family} address for media in line {line} that serves everybody. Keep one of the two, or "
    "give one its `networks`.",
    "第 {line} 行已有一个服务所有话机的 {family} 媒体地址。请只保留一个，或为其中一个写明 `networks`。",
)
MEDIA_FAMILY_DIFFERS = Text(
    "{address} and {advertised} are not of the same family. Advertise an {family} address.",
    "{address} 与 {advertised} 不属于同一地址族。请使用 {family} 地址。",
)
PORTS_REVERSED = Text(
    '"last_port" ({last}) is below "first_port" ({first}). Swap them.',
    "“last_port”（{last}）小于“first_port”（{first}）。请交换二者。",
)
PORTS_TOO_FEW = Text(
    "{first} to {last} is {count} ports, and a call with video takes {least}. Widen the range.",
    "{first} 到 {last} 只有 {count} 个端口，而一次带视频的通话需要 {least} 个。请扩大范围。",
)
PORTS_MEET_LISTENER = Text(
    "the media ports {first} to {last} include port {port} of the UDP listener in line {line}. Move one of them.",
    "媒体端口 {first} 到 {last} 包含第 {line} 行 UDP 监听的端口 {port}。请移动其中一个。",
)
PORTS_MEET_DEFAULT = Text(
    "the media ports {first} to {last} include port {port}, where UDP is heard by default. Move them, or name the "
    "listeners with other ports.",
    "媒体端口 {first} 到 {last} 包含默认的 UDP 监听端口 {port}。请移动媒体端口，或为监听指定其他端口。",
)
EXPIRES_DISORDER = Text(
    '"min_expires_s" ({least}), "default_expires_s" ({default}) and "max_expires_s" ({most}) must not fall. '
    "Put them in order.",
    "“min_expires_s”（{least}）、“default_expires_s”（{default}）、“max_expires_s”（{most}）必须依次不减。请调整顺序。",
)
TIMERS_DISORDER = Text(
    '"t2_s" ({t2:g}) is shorter than "t1_s" ({t1:g}). Make it at least as long.',
    "“t2_s”（{t2:g}）短于“t1_s”（{t1:g}）。它至少应与后者相等。",
)
ACCOUNT_TWICE = Text(
    'the user "{user}" is already in line {line}. Keep one of the two.',
    "用户“{user}”已在第 {line} 行。请只保留一个。",
)
CONNECTIONS_DISORDER = Text(
    '"connections_per_address" ({one}) is more than "connections" ({all}). Lower it.',
    "“connections_per_address”（{one}）大于“connections”（{all}）。请调小。",
)

# The certificate.
TLS_HALF = Text(
    '"{there}" is given without "{missing}". Give both, or neither for a self-signed certificate.',
    "给出了“{there}”却没有“{missing}”。请两者都给出；都不给则使用自签名证书。",
)
PEM_UNREADABLE = Text(
    "{path} cannot be read: {reason}. Check the name and who may read it.",
    "{path} 无法读取：{reason}。请检查文件名和读取权限。",
)
NO_CERTIFICATE = Text(
    "{path} holds no certificate in PEM form. Such a file begins with -----BEGIN CERTIFICATE-----.",
    "{path} 中没有 PEM 格式的证书。此类文件以 -----BEGIN CERTIFICATE----- 开头。",
)
NO_KEY = Text(
    "{path} holds no private key in PEM form that can be read without a passphrase. "
    "Write one with: openssl pkey -in FILE -out {path}",
    "{path} 中没有无口令的 PEM 格式私钥。可用此命令生成：openssl pkey -in FILE -out {path}",
)
KEY_MISMATCH = Text(
    "the key in {key} does not belong to the certificate in {certificate}. Find its own key.",
    "{key} 中的私钥与 {certificate} 中的证书不匹配。请使用该证书自己的私钥。",
)
CERTIFICATE_EXPIRED = Text(
    "the certificate in {path} ended on {date}. Phones will refuse it. Renew it.",
    "{path} 中的证书已于 {date} 过期，话机会拒绝它。请更新证书。",
)
CERTIFICATE_REFUSED = Text(
    "OpenSSL does not serve the certificate in {path}: {reason}. Have a new one made.",
    "OpenSSL 不接受 {path} 中的证书：{reason}。请重新签发证书。",
)
