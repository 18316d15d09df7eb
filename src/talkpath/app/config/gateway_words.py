"""What is said about gateways in a configuration file."""

from talkpath.base.texts import Text

NOT_A_NAME = Text(
    '"{value}" cannot be the name of a gateway or group. Use up to 64 letters, digits and . _ -, without spaces.',
    "“{value}”不能作为网关或组的名称。请用最多 64 个字母、数字和 . _ -，不含空格。",
)
NOT_A_GATEWAY_USER = Text(
    '"{value}" cannot be a user name at a carrier. Write it without "sip:", "@" and the domain.',
    "“{value}”不能作为运营商处的用户名。请不要写“sip:”、“@”和域。",
)
NOT_A_CODEC = Text(
    '"{value}" is not the name of a codec. Write one such as "PCMA", "opus" or "G729".',
    "“{value}”不是编解码器名称。请写“PCMA”、“opus”或“G729”这样的名称。",
)
GATEWAY_TWICE = Text(
    'the gateway "{gateway}" is already in line {line}. Give one of the two another name.',
    "网关“{gateway}”已在第 {line} 行。请为其中一个换个名称。",
)
CA_WITHOUT_TLS = Text(
    '"{gateway}" is spoken to over {transport}, where nobody shows a certificate. Say transport = "TLS", or leave '
    '"ca" out.',
    '与“{gateway}”之间使用 {transport}，不出示证书。请写 transport = "TLS"，或去掉“ca”。',
)
CA_DIFFERS = Text(
    '"{gateway}" and "{other}" (line {line}) are at one address and name different authorities. Give both the same '
    '"ca".',
    "“{gateway}”与“{other}”（第 {line} 行）地址相同，却给出不同的签发机构。请给两者相同的“ca”。",
)
GATEWAY_WITHOUT_NAME = Text(
    "this gateway has no name. Write one, such as the carrier's.", "此网关没有名称。请写一个，例如运营商的名称。"
)
GATEWAY_WITHOUT_ADDRESS = Text(
    'the gateway "{gateway}" has no address. Write a name or an address, such as "sip.carrier.example".',
    "网关“{gateway}”没有地址。请写名称或地址，例如“sip.carrier.example”。",
)
REGISTER_WITHOUT_USER = Text(
    '"{gateway}" shall be registered at, and there is no "username". Add the one that the carrier gave you.',
    "要在“{gateway}”注册，却没有“username”。请补上运营商给您的用户名。",
)
PASSWORD_WITHOUT_USER = Text(
    'the password of "{gateway}" is given without a "username". Add it.',
    "给出了“{gateway}”的密码却没有“username”。请补上。",
)
EMPTY_GATEWAY_PASSWORD = Text(
    'the password of "{gateway}" is empty. Write it, or leave the key out where none is needed.',
    "“{gateway}”的密码为空。请填写；不需要密码时请去掉该键。",
)
NOT_A_REFUSAL = Text(
    "{status} is not an answer that refuses. Write statuses from 300 to 699, such as 503.",
    "{status} 不是拒绝的应答。请写 300 到 699 的状态码，例如 503。",
)
GROUP_TWICE = Text(
    'the group "{group}" is already in line {line}. Keep one of the two.',
    "组“{group}”已在第 {line} 行。请只保留一个。",
)
GROUP_EMPTY = Text(
    'no gateway stands in the group "{group}". Give one `group = "{group}"`.',
    '组“{group}”中没有网关。请为某个网关写上 `group = "{group}"`。',
)
GROUP_EMPTY_NEAR = Text(
    'no gateway stands in the group "{group}". Did you mean "{near}"?',
    "组“{group}”中没有网关。是否想写“{near}”？",
)
NOT_A_NUMBER = Text(
    '"{value}" is not a number that a carrier brings. Write one such as "+49301234", without spaces.',
    "“{value}”不是运营商送来的号码。请写成“+49301234”这样的形式，不含空格。",
)
NOBODY_NEAR = Text(
    'there is no user "{user}" in this file. Did you mean "{near}"?', "此文件中没有用户“{user}”。是否想写“{near}”？"
)
