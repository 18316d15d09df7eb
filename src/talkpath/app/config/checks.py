"""What is wrong with single values and with values that do not go together, beyond their types."""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

from talkpath.app.config import gateway_checks, words
from talkpath.app.config.announcements import mistake_in_announcement
from talkpath.app.config.cluster import Cluster
from talkpath.app.config.endpoints import is_address, is_host, parse_address_and_port, parse_endpoint
from talkpath.app.config.listeners import ANY, INTERFACES, Listener
from talkpath.app.config.media import MediaAddress
from talkpath.app.config.places import Path as KeyPath
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, phrase
from talkpath.base.address import Transport
from talkpath.base.texts import Text
from talkpath.store.notices.signing import key_of

# Audio and video, RTP and RTCP, two sides.
PORTS_OF_A_CALL = 8

# Of the secret of a cluster: what can be guessed opens the keys of all calls.
_SECRET_CHARACTERS = 16

# Numbers that the edge itself answers.
SERVICES = ("echo", "tone")

Disagreement = tuple[KeyPath, Phrase]
LineOf = Callable[[KeyPath], int]

# RFC 3261 section 25.1: unreserved and user-unreserved, without those that a dialled number never has.
_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,]{1,64}")
# A codec, or an attribute that no side needs to understand the others.
_NEEDED = (
    "rtpmap|fmtp|crypto|key-mgmt|fingerprint|setup|tls-id|candidate|ice-.*|mid|group|bundle-only|rtcp|rtcp-mux"
    "|sendrecv|sendonly|recvonly|inactive"
)
_DIET = re.compile(rf"a=(?!(?:{_NEEDED})$)[A-Za-z0-9-]{{1,32}}|[A-Za-z0-9][A-Za-z0-9.-]{{0,31}}")
# A country code of E.164, with what of the number follows; what is dialled before one.
_HOME = re.compile(r"\+[1-9][0-9]{0,14}")
_REGION = re.compile(r"[A-Z]{2}")
_PREFIX = re.compile(r"[0-9*#]{1,8}")
_STORE = re.compile(r"(?:s3|gs|az)://[^\s/?#@]+(?:/[^\s?#]*)?|file:///[^\s?#]+")
_WEB = re.compile(r"https?://[^\s/?#@]+(?:/\S*)?")
_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
# A word of a subject of NATS, and of the name of a stream.
_NODE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
_ENGINE = re.compile(r"(?:nats|tls)://[^\s/?#@]+")
_DATABASE = re.compile(r"postgres(?:ql)?://[^\s/]*/[^\s/?]+(?:\?\S*)?")
_COLLECTOR = re.compile(r"https?://[^\s/?#@]+(?:/\S*)?")
_REALM = re.compile(r"[^\"\\\x00-\x1f\x7f]{1,128}")


def _refuse_unless(fits: Callable[[str], object], text: Text) -> Callable[[str], Phrase | None]:
    return lambda value: None if fits(value) else phrase(text, value=value)


def _check_network(value: str) -> Phrase | None:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        pass
    else:
        return None
    try:
        return phrase(words.NETWORK_HOST_BITS, value=value, near=ipaddress.ip_network(value, strict=False))
    except ValueError:
        return phrase(words.NOT_A_NETWORK, value=value)


def check_user(value: str) -> Phrase | None:
    """What is wrong with a user name; None when it can be one."""
    if value in SERVICES:
        return phrase(words.USER_IS_SERVICE, value=value)
    return None if _USER.fullmatch(value) else phrase(words.NOT_A_USER, value=value)


# What `of` on a field means: the check made on each of its texts that is not empty.
TEXT_CHECKS: dict[str | None, Callable[[str], Phrase | None]] = {
    "address": _refuse_unless(is_address, words.NOT_AN_ADDRESS),
    "address or *": _refuse_unless(lambda value: value == ANY or is_address(value), words.NOT_AN_ADDRESS_OR_ANY),
    "endpoint": _refuse_unless(parse_endpoint, words.NOT_AN_ENDPOINT),
    "address and port": _refuse_unless(parse_address_and_port, words.NOT_ADDRESS_AND_PORT),
    "domain": _refuse_unless(is_host, words.NOT_A_DOMAIN),
    "host": _refuse_unless(is_host, words.NOT_A_HOST),
    "network": _check_network,
    "local network": lambda value: None if value == INTERFACES else _check_network(value),
    "diet": _refuse_unless(_DIET.fullmatch, words.NOT_A_DIET),
    "home": _refuse_unless(_HOME.fullmatch, words.NOT_A_HOME),
    "prefix": _refuse_unless(_PREFIX.fullmatch, words.NOT_A_PREFIX),
    "user": check_user,
    "gateway name": gateway_checks.check_name,
    "gateway user": gateway_checks.check_user,
    "codec": gateway_checks.check_codec,
    "region": _refuse_unless(_REGION.fullmatch, words.NOT_A_REGION),
    "store": _refuse_unless(_STORE.fullmatch, words.NOT_A_STORE),
    "web address": _refuse_unless(_WEB.fullmatch, words.NOT_A_WEB_ADDRESS),
    "age recipient": _refuse_unless(_RECIPIENT.fullmatch, words.NOT_A_RECIPIENT),
    "node name": _refuse_unless(_NODE.fullmatch, words.NOT_A_NODE_NAME),
    "engine": _refuse_unless(_ENGINE.fullmatch, words.NOT_AN_ENGINE),
    "realm": _refuse_unless(_REALM.fullmatch, words.NOT_A_REALM),
}


def disagreements(config: Config, line_of: LineOf) -> Iterator[Disagreement]:
    """Values that are each well formed and cannot stand together."""
    yield from _listeners(config, line_of)
    yield from _accounts(config, line_of)
    yield from _toll_accounts(config, line_of)
    yield from gateway_checks.gateways(config, line_of)
    yield from _media_addresses(config, line_of)
    yield from _media_ports(config, line_of)
    yield from _orders(config)
    yield from _metrics(config, line_of)
    yield from _notices(config)
    yield from _cluster(config)
    yield from _history(config)
    yield from _tracing(config)
    yield from _beeps(config)
    yield from _tls(config)


def lacking_here(config: Config) -> Iterator[Disagreement]:
    """What this host does not have of what is named: nobody can run an edge with it here, only read what one left."""
    yield from _addresses_of_others(config)
    yield from _announcements(config)
    yield from _certificate_of_engine(config)
    yield from gateway_checks.files(config)


def unfit_certificate(config: Config) -> Iterator[Disagreement]:
    """What is wrong with the certificate of the TLS and WSS listeners, or its key. Without them all else runs."""
    if config.tls.certificate and config.tls.key:
        # Only who has a certificate pays for loading the library that reads it.
        from talkpath.app.listening.certificate import mistakes_in_pair

        pair = mistakes_in_pair(Path(config.tls.certificate), Path(config.tls.key))
        yield from ((("tls", name), what) for name, what in pair)


def unfit_others(config: Config) -> Iterator[Disagreement]:
    """The same of the certificates for other names: without one of them, its names are shown the first."""
    if config.tls.others:
        from talkpath.app.listening.certificate import mistakes_in_pair

        for at, one in enumerate(config.tls.others):
            for name, what in mistakes_in_pair(Path(one.certificate), Path(one.key)):
                yield ("tls", "others", at, name), what


def _cluster(config: Config) -> Iterator[Disagreement]:
    """A cluster needs all of it; a part of it is a mistake, and no node that is alone after all."""
    cluster = config.cluster
    secret = "" if cluster.secret is None else cluster.secret.reveal()
    if not cluster.name:
        if cluster.node or cluster.urls:
            yield ("cluster",), phrase(words.CLUSTER_HALF, key="name")
        return
    for key, value in (("node", cluster.node), ("urls", cluster.urls), ("secret", secret)):
        if not value:
            yield ("cluster",), phrase(words.CLUSTER_HALF, key=key)
    if bool(cluster.certificate) is not bool(cluster.key):
        there, missing = ("certificate", "key") if cluster.certificate else ("key", "certificate")
        yield ("cluster", there), phrase(words.CLUSTER_HALF, key=missing)
    if 0 < len(secret) < _SECRET_CHARACTERS:
        yield ("cluster", "secret"), phrase(words.CLUSTER_SECRET_SHORT, least=_SECRET_CHARACTERS)
    yield from _cluster_nodes(cluster)


def _cluster_nodes(cluster: Cluster) -> Iterator[Disagreement]:
    """Who inherits addresses: each node once, this one among them; an address has one owner."""
    names: set[str] = set()
    owned: set[str] = set()
    for at, node in enumerate(cluster.nodes):
        path: KeyPath = ("cluster", "nodes", at)
        if node.name in names:
            yield (*path, "name"), phrase(words.CLUSTER_NODE_TWICE, node=node.name)
        names.add(node.name)
        for address in node.owns:
            if address not in cluster.addresses:
                yield (*path, "owns"), phrase(words.CLUSTER_OWNS_OTHER, address=address)
            elif address in owned:
                yield (*path, "owns"), phrase(words.CLUSTER_OWNED_TWICE, address=address)
            owned.add(address)
    if names and cluster.node not in names:
        yield ("cluster", "nodes", 0), phrase(words.CLUSTER_NODE_MISSING, node=cluster.node)


def _certificate_of_engine(config: Config) -> Iterator[Disagreement]:
    cluster = config.cluster
    if cluster.name and cluster.certificate and cluster.key:
        from talkpath.app.listening.certificate import mistakes_in_pair

        for name, what in mistakes_in_pair(Path(cluster.certificate), Path(cluster.key)):
            yield ("cluster", name), what


def _history(config: Config) -> Iterator[Disagreement]:
    if config.history.url and not _DATABASE.fullmatch(config.history.url):
        yield ("history", "database"), phrase(words.NOT_A_DATABASE)


def _tracing(config: Config) -> Iterator[Disagreement]:
    if config.tracing.endpoint and not _COLLECTOR.fullmatch(config.tracing.endpoint):
        yield ("tracing", "endpoint"), phrase(words.NOT_A_COLLECTOR)


def _listeners(config: Config, line_of: LineOf) -> Iterator[Disagreement]:
    for (first_at, first), (at, listener) in combinations(enumerate(config.listeners), 2):
        if _overlap(first, listener):
            yield (
                ("listeners", at),
                phrase(
                    words.LISTENERS_OVERLAP,
                    protocol=_protocol(listener),
                    port=listener.listening_port,
                    line=line_of(("listeners", first_at)),
                ),
            )


def _addresses_of_others(config: Config) -> Iterator[Disagreement]:
    for at, listener in enumerate(config.listeners):
        if listener.address != ANY and not _is_ours(listener.address):
            yield ("listeners", at, "address"), phrase(words.NOT_OUR_ADDRESS, address=listener.address)
    for at, media in enumerate(config.media.addresses):
        if not _is_ours(media.address):
            path = ("media", "addresses", at, "address")
            yield path, phrase(words.NOT_OUR_ADDRESS, address=media.address)


def _protocol(listener: Listener) -> str:
    return "UDP" if listener.transport is Transport.UDP else "TCP"


def _overlap(one: Listener, other: Listener) -> bool:
    if _protocol(one) != _protocol(other) or one.listening_port != other.listening_port:
        return False
    return ANY in (one.address, other.address) or _same_address(one.address, other.address)


def _same_address(one: str, other: str) -> bool:
    """Equal, or one of them stands for all addresses of the other's family."""
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    if first.version != second.version:
        return False
    return first == second or first.is_unspecified or second.is_unspecified


def _is_ours(address: str) -> bool:
    """Whether a socket can be bound to the address (which it can too where the system allows foreign ones)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _accounts(config: Config, line_of: LineOf) -> Iterator[Disagreement]:
    first_at: dict[str, int] = {}
    for at, account in enumerate(config.accounts):
        if not account.password.reveal():
            yield ("accounts", at, "password"), phrase(words.EMPTY_PASSWORD, user=account.user)
        if account.user in first_at:
            line = line_of(("accounts", first_at[account.user], "user"))
            yield ("accounts", at, "user"), phrase(words.ACCOUNT_TWICE, user=account.user, line=line)
        first_at.setdefault(account.user, at)


def _toll_accounts(config: Config, line_of: LineOf) -> Iterator[Disagreement]:
    first_at: dict[str, int] = {}
    for at, account in enumerate(config.toll.accounts):
        if account.user in first_at:
            line = line_of(("toll", "accounts", first_at[account.user], "user"))
            yield ("toll", "accounts", at, "user"), phrase(words.ACCOUNT_TWICE, user=account.user, line=line)
        first_at.setdefault(account.user, at)


def _media_addresses(config: Config, line_of: LineOf) -> Iterator[Disagreement]:
    first_at: dict[str, int] = {}
    for at, media in enumerate(config.media.addresses):
        path = ("media", "addresses", at)
        family = _family(media.address)
        if ipaddress.ip_address(media.address).is_unspecified:
            yield (*path, "address"), phrase(words.MEDIA_NOT_ONE_ADDRESS, address=media.address)
        if not media.networks:
            if family in first_at:
                line = line_of(("media", "addresses", first_at[family]))
                yield path, phrase(words.MEDIA_FAMILY_TWICE, family=family, line=line)
            first_at.setdefault(family, at)
        yield from _media_advertised(media, path)


def _media_advertised(media: MediaAddress, path: KeyPath) -> Iterator[Disagreement]:
    if media.advertised and _family(media.advertised) != _family(media.address):
        yield (
            (*path, "advertised"),
            phrase(
                words.MEDIA_FAMILY_DIFFERS,
                address=media.address,
                advertised=media.advertised,
                family=_family(media.address),
            ),
        )


def _family(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"


def _media_ports(config: Config, line_of: LineOf) -> Iterator[Disagreement]:
    first, last = config.media.first_port, config.media.last_port
    count = last - first + 1
    path: KeyPath = ("media", "last_port")
    if last < first:
        yield path, phrase(words.PORTS_REVERSED, first=first, last=last)
    elif count < PORTS_OF_A_CALL:
        yield path, phrase(words.PORTS_TOO_FEW, first=first, last=last, count=count, least=PORTS_OF_A_CALL)
    for at, listener in enumerate(config.doors):
        port = listener.listening_port
        if listener.transport is not Transport.UDP or not first <= port <= last:
            continue
        if config.listeners:
            line = line_of(("listeners", at))
            yield path, phrase(words.PORTS_MEET_LISTENER, first=first, last=last, port=port, line=line)
        else:
            yield path, phrase(words.PORTS_MEET_DEFAULT, first=first, last=last, port=port)


def _orders(config: Config) -> Iterator[Disagreement]:
    least, default, most = (
        config.registrar.min_expires_s,
        config.registrar.default_expires_s,
        config.registrar.max_expires_s,
    )
    if not least <= default <= most:
        yield ("registrar",), phrase(words.EXPIRES_DISORDER, least=least, default=default, most=most)
    t1, t2 = config.transactions.t1_s, config.transactions.t2_s
    if t2 < t1:
        yield ("transactions", "t2_s"), phrase(words.TIMERS_DISORDER, t1=t1, t2=t2)
    one, every = config.limits.connections_per_address, config.limits.connections
    if one > every:
        yield ("limits", "connections_per_address"), phrase(words.CONNECTIONS_DISORDER, one=one, all=every)


def _metrics(config: Config, line_of: LineOf) -> Iterator[Disagreement]:
    listen = parse_address_and_port(config.metrics.listen)
    if listen is None:
        return
    page = Listener(transport=Transport.TCP, address=listen.host, port=listen.port)
    for at, listener in enumerate(config.listeners):
        if _overlap(page, listener):
            line = line_of(("listeners", at))
            yield ("metrics", "listen"), phrase(words.METRICS_OVERLAP, port=listen.port, line=line)


def _notices(config: Config) -> Iterator[Disagreement]:
    url, secret = config.recording.notice_url, config.recording.notice_secret
    if not url:
        return
    if secret is None:
        yield ("recording", "notice_url"), phrase(words.NO_NOTICE_SECRET)
    else:
        try:
            key_of(secret.reveal())
        except ValueError:
            yield ("recording", "notice_secret"), phrase(words.NOT_A_NOTICE_SECRET)


# Seconds between two beeps: what regulators ask for is 10 to 15, and each takes 0.2 s of what is said.
_BEEP_LEAST_S = 5.0


def _beeps(config: Config) -> Iterator[Disagreement]:
    if 0 < config.recording.beep_every_s < _BEEP_LEAST_S:
        yield ("recording", "beep_every_s"), phrase(words.BEEPS_TOO_OFTEN, least=_BEEP_LEAST_S)


def _announcements(config: Config) -> Iterator[Disagreement]:
    named: list[tuple[KeyPath, str]] = [(("recording", "announcement"), config.recording.announcement)]
    named += [(("accounts", at, "announcement"), one.announcement) for at, one in enumerate(config.accounts)]
    for path, file in named:
        if (what := mistake_in_announcement(file)) is not None:
            yield path, what


def _tls(config: Config) -> Iterator[Disagreement]:
    tls = config.tls
    if bool(tls.certificate) is not bool(tls.key):
        there, missing = ("certificate", "key") if tls.certificate else ("key", "certificate")
        yield ("tls", there), phrase(words.TLS_HALF, there=there, missing=missing)
