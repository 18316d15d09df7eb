"""Why somebody was not let in, in words, and what to do about it."""

from talkpath.base.texts import Text
from talkpath.calls.guarded import Why

#: By `Refused.why`; "" where an older edge did not say.
WHY = {
    "": Text("a wrong password or none, or no such user", "密码错误、没有密码或用户不存在"),
    Why.WRONG_PASSWORD.value: Text("wrong password", "密码错误"),
    Why.UNKNOWN_USER.value: Text("no such user", "用户不存在"),
    Why.TOO_MANY_TRIES.value: Text("too many wrong passwords before", "此前密码错误过多"),
    Why.NO_CREDENTIALS.value: Text("it never sends credentials", "从不发送凭据"),
    Why.OTHER_REALM.value: Text("its credentials are for another realm", "凭据属于别的 realm"),
    Why.BAD_CREDENTIALS.value: Text(
        "its credentials lack username, uri, response, nc or cnonce", "凭据缺少 username、uri、response、nc 或 cnonce"
    ),
    Why.OTHER_USER.value: Text("its credentials are those of another user", "凭据属于另一用户"),
    Why.TOO_MANY_CONTACTS.value: Text("the user has as many phones as it may", "该用户的话机数已达上限"),
    Why.TOO_BRIEF.value: Text("it wants a shorter time than is taken", "要求的有效期短于允许的最小值"),
    Why.MALFORMED.value: Text("what it sent cannot be read", "内容无法解析"),
}

#: What to do, by the same; each may name {user} and {host}.
FIXES = {
    Why.UNKNOWN_USER.value: Text(
        "There is no account {user}: correct the user name on the phone, or add it with `talkpath users add {user}`.",
        "没有帐号 {user}：请更正话机上的用户名，或用 `talkpath users add {user}` 添加。",
    ),
    Why.NO_CREDENTIALS.value: Text(
        "The phone at {host} is asked for a password and never gives one: enter the password of {user} on it.",
        "{host} 的话机被要求提供密码但从不提供：请在话机上填写 {user} 的密码。",
    ),
    Why.OTHER_REALM.value: Text(
        "The phone at {host} has credentials for another realm: clear the realm of the account {user} "
        "on it, or set `authentication.realm` to the one it wants.",
        "{host} 的话机持有别的 realm 的凭据：请清除话机上 {user} 帐号的 realm（认证域），"
        "或把 `authentication.realm` 设为它所用的 realm。",
    ),
    Why.OTHER_USER.value: Text(
        "The authentication name on the phone at {host} is not {user}: make it the same as the user name.",
        "{host} 的话机上的认证名不是 {user}：请使用户名与认证名一致。",
    ),
    Why.TOO_MANY_CONTACTS.value: Text(
        "See `talkpath registrations {user}`, take phones away that are not used, or raise `registrar.max_contacts`.",
        "请查看 `talkpath registrations {user}`，移除不用的话机，或提高 `registrar.max_contacts`。",
    ),
    Why.TOO_BRIEF.value: Text(
        "The phone at {host} does not come back when it is told a longer time (423): set its registration interval "
        "to `registrar.min_expires_s` or more.",
        "{host} 的话机在被告知更长有效期（423）后不再回来：请把它的注册间隔设为不小于 `registrar.min_expires_s`。",
    ),
}
