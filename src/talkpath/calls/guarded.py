"""What the guard at the door tells: bans, credentials that were refused, and accounts that called too much.

Plain rows, for whoever asks.
"""

from enum import StrEnum

import msgspec


class Ban(msgspec.Struct, frozen=True):
    """One ban, with its story. Times in seconds since the epoch.

    `source` is an address, address:port, or network; `until` None: until it is lifted. `code` is that of the finding
    it makes, "" for a ban by the operator, whose `note` it bears. `kind` is what there was too much of, and `over`
    what it came over: a ban for datagrams ("UDP"), on which anybody can write any address, keeps nobody from
    connecting, nor one for "connections" from sending datagrams; "" is both. `methods`, `users`, `tool` and `wrong`
    (credentials) are what the source sent in vain within `seconds`. `node` of the cluster made it, "" this one.
    """

    number: int
    source: str
    since: float
    until: float | None
    code: str = ""
    kind: str = ""
    methods: dict[str, int] = {}
    users: tuple[str, ...] = ()
    tool: str = ""
    wrong: int = 0
    seconds: float = 0.0
    note: str = ""
    over: str = ""
    node: str = ""


class Why(StrEnum):
    """Why somebody was not let in."""

    WRONG_PASSWORD = "wrong-password"
    UNKNOWN_USER = "unknown-user"
    #: not looked at, because there were too many wrong ones before
    TOO_MANY_TRIES = "too-many-tries"
    NO_CREDENTIALS = "no-credentials"
    OTHER_REALM = "other-realm"
    #: a directive is missing
    BAD_CREDENTIALS = "bad-credentials"
    #: credentials of one user for another
    OTHER_USER = "other-user"
    TOO_MANY_CONTACTS = "too-many-contacts"
    #: for a shorter time than this edge takes, and it did not come back for a longer one
    TOO_BRIEF = "too-brief"
    MALFORMED = "malformed"


class Refused(msgspec.Struct, frozen=True):
    """A user who was not let in from one source, an address. `untried` of his credentials were not even looked at.

    `why` is the last reason (`Why`), `port` and `transport` by which the last came, `agent` what it calls itself.
    `mended` is when he got in from there after all, 0 while he did not. `is_account`: there is such a user.
    """

    user: str
    source: str
    method: str
    first: float
    last: float
    times: int
    untried: int
    why: str = ""
    port: int = 0
    transport: str = ""
    agent: str = ""
    mended: float = 0.0
    is_account: bool = False


class Tolled(msgspec.Struct, frozen=True):
    """Calls of one account that were refused because they were too many.

    `kind` is the moment that tells which `limit` it was; `number` and `source`, an address, are of the last one.
    """

    user: str
    source: str
    kind: str
    limit: int
    number: str
    first: float
    last: float
    times: int
