"""Takes the secrets out of a SIP message that somebody is going to look at, forward or attach to a ticket.

What proves a password (digest responses), what decrypts media (SDES keys) and what opens a media port (ICE
passwords) goes; who called whom and what was said about it stays.
"""

import re

STARS = "***"

_SECRETS = (
    # digest credentials (RFC 7616 section 3.4): what an offline guess needs
    re.compile(r'(?im)^((?:Proxy-)?Authorization[ \t]*:.*?\bresponse[ \t]*=[ \t]*"?)[^",\s]+'),
    re.compile(r'(?im)^(Authentication-Info[ \t]*:.*?\brspauth[ \t]*=[ \t]*"?)[^",\s]+'),
    # other schemes carry the secret itself
    re.compile(r"(?im)^((?:Proxy-)?Authorization[ \t]*:[ \t]*(?:Basic|Bearer)[ \t]+)\S+"),
    # RFC 4568 section 9.2 and RFC 8839 section 5.4
    re.compile(r"(?im)^(a=crypto:[^\r\n]*?inline:)[^\s|;]+"),
    re.compile(r"(?im)^(a=ice-pwd:)\S+"),
    # RFC 4567, and the k= line of RFC 8866 section 5.12
    re.compile(r"(?im)^(a=key-mgmt:\S+[ \t]+)\S+"),
    re.compile(r"(?im)^(k=\w+:)\S+"),
)
# A password in a URI (RFC 3261 section 19.1.1). The "@" may be missing: what was read once in vain is not read again.
_IN_URI = re.compile(r"(?i)(sips?:[^@:<>\s]++:)[^@<>\s]++(@?)")


def redacted(raw: bytes) -> str:
    """The message as text, its secrets replaced by stars. Bytes that are no UTF-8 show as replacement characters."""
    text = raw.decode("utf-8", "replace")
    for secret in _SECRETS:
        text = secret.sub(lambda match: match[1] + STARS, text)
    return _IN_URI.sub(lambda match: match[1] + STARS + "@" if match[2] else match[0], text)
