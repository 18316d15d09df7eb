"""What `talkpath run` prints once it is up: where to connect, with which account, and what to call."""

from collections.abc import Sequence
from dataclasses import dataclass

from talkpath import __version__
from talkpath.app import words
from talkpath.app.config.listeners import ANY
from talkpath.app.config.tree import Config
from talkpath.app.process.host import reachable
from talkpath.base.address import Transport
from talkpath.base.redact import Secret
from talkpath.base.texts import Language

# A host with many addresses (containers, temporary IPv6 ones) shall not push the accounts off the screen.
ADDRESSES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class ReadyAccount:
    """A user made at first start, and the password, which is shown once and kept nowhere."""

    user: str
    password: Secret


def banner(
    config: Config, ready: Sequence[ReadyAccount], users: int, certificate: str, where: str, language: Language
) -> str:
    """The text, with a line end after each line. `users` counts all users; `certificate` is the path of a self-signed
    one, empty when the operator gave one; `where` is what other commands need to find this node (` --state DIR`)."""
    lines = [f"talkpath {__version__}", "", words.CONNECT.say(language)]
    for listener in config.doors:
        lines.append(f"  {listener.transport:<4} {_where(listener.transport, reachable(listener), language)}")
    if config.page.enabled and (addresses := _page_addresses(config)):
        lines += ["", words.PAGE.say(language)]
        lines += [f"  {address}" for address in addresses]
    lines += ["", words.ACCOUNTS.say(language)]
    lines += [f"  {words.ACCOUNT.say(language, user=one.user, password=one.password.reveal())}" for one in ready]
    if ready:
        lines.append(f"  {words.ACCOUNTS_SHOWN_ONCE.say(language, where=where)}")
    if users > len(ready) or not ready:
        lines.append(f"  {words.ACCOUNTS_ELSEWHERE.say(language, count=users, where=where)}")
    lines += ["", words.NUMBERS.say(language)]
    if config.routing.script:
        lines.append(f"  {words.NUMBERS_BY_SCRIPT.say(language, script=config.routing.script, where=where)}")
    else:
        lines += [f"  {number.say(language)}" for number in (words.NUMBER_ECHO, words.NUMBER_TONE)]
    if certificate and (address := _secure_web_address(config)):
        lines += ["", words.CERTIFICATE.say(language)]
        lines.append(f"  {words.SELF_SIGNED.say(language, path=certificate, address=address)}")
    return "\n".join([*lines, "", words.SEE_CALLS.say(language, where=where)]) + "\n"


def _where(transport: Transport, addresses: list[str], language: Language) -> str:
    form = {Transport.WS: "ws://{}/", Transport.WSS: "wss://{}/"}.get(transport, "{}")
    shown = [form.format(address) for address in addresses[:ADDRESSES_SHOWN]]
    if more := len(addresses) - len(shown):
        shown.append(words.AND_MORE.say(language, count=more))
    return "   ".join(shown)


def _page_addresses(config: Config) -> list[str]:
    """Where the page can use a microphone: on this host itself, and over TLS from elsewhere (a secure context)."""
    found = []
    for door in config.doors:
        if door.transport is Transport.WS and door.address in (ANY, "0.0.0.0", "::", "127.0.0.1", "::1"):
            found.append(f"http://localhost:{door.listening_port}/")
        elif door.transport is Transport.WSS:
            found.append(f"https://{reachable(door)[0]}/")
    return found


def _secure_web_address(config: Config) -> str | None:
    """Where a browser can be shown the certificate."""
    return next((reachable(door)[0] for door in config.doors if door.transport is Transport.WSS), None)
