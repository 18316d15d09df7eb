"""What the certificates of places that we connect to must be (RFC 5922).

A named domain must show one for its name, signed by whom this system trusts; a phone known by its address can not. A
gateway may have authorities of its own.
"""

import ssl
from collections.abc import Callable

from talkpath.base.address import Target


class Certificates:
    """`authority` gives the file with those who may sign the certificate of a name or an address, "" for whom the
    system trusts."""

    def __init__(self, authority: Callable[[str], str]) -> None:
        self._authority = authority
        self._of_the_system: dict[bool, ssl.SSLContext] = {}

    def load(self) -> None:
        """Read whom the system trusts: these are files, and later there may be none left to open."""
        self._of_the_system = {is_named: _context("", is_named) for is_named in (False, True)}

    def wanted(self, target: Target) -> ssl.SSLContext:
        """What holds for a place. Raises OSError: a file of authorities may be renewed, and is read when somebody
        connects."""
        is_named = bool(target.name)
        file = self._authority(target.name or target.remote.host)
        return _context(file, is_named) if file else self._of_the_system[is_named]


def _context(authorities: str, is_named: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities or None)
    if not is_named:
        context.check_hostname = False
        if not authorities:
            context.verify_mode = ssl.CERT_NONE
    return context
