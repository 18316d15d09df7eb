"""Files that only who has the identity can read: age (age-encryption.org/v1), by pyrage.

The node has the recipients, which are public: it can seal and not open. What it stored is proved by the digest of the
sealed file. Everything is streamed. `encrypt_io` leaves the interpreter to other threads while it works,
`encrypt_file` holds it until the end.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from talkpath.base.errors import Misuse

SUFFIX = ".age"


class Sealer:
    """Seals for recipients (age1...). Raises `Misuse` for one that is none."""

    def __init__(self, recipients: Iterable[str]) -> None:
        import pyrage

        try:
            self._recipients = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
        except pyrage.RecipientError as error:
            raise Misuse("not-a-recipient", str(error)) from error

    def seal(self, source: IO[bytes], target: Path) -> None:
        """Write what `source` gives, sealed: the file is there whole or not at all. Raises OSError."""
        import pyrage

        fresh = target.with_name(target.name + ".part")
        with fresh.open("wb") as file:
            pyrage.encrypt_io(source, file, self._recipients)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(target)

    def sealed(self, data: bytes) -> bytes:
        """What is small enough to be held in memory, sealed."""
        import pyrage

        made: bytes = pyrage.encrypt(data, self._recipients)
        return made


def identities(text: str) -> list[Any]:
    """The identities in a file as age-keygen writes it. Raises `Misuse` where there is none."""
    import pyrage

    lines = [line.strip() for line in text.splitlines()]
    try:
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except pyrage.IdentityError as error:
        raise Misuse("not-an-identity", "a line is no identity (AGE-SECRET-KEY-1...)") from error
    if not found:
        raise Misuse("no-identity", "there is no identity (AGE-SECRET-KEY-1...) in it")
    return found


def unseal(source: Path, target: Path, keys: list[Any]) -> None:
    """Write what a sealed file holds. Raises OSError for one that was altered, or sealed for others."""
    import pyrage

    with source.open("rb") as sealed, target.open("wb") as file:
        try:
            pyrage.decrypt_io(sealed, file, keys)
        except pyrage.DecryptError as error:
            raise OSError(f"it cannot be opened with this identity ({error})") from error


def unsealed(data: bytes, keys: list[Any]) -> bytes:
    """What sealed bytes hold. Raises OSError for what was altered, or sealed for others."""
    import pyrage

    try:
        opened: bytes = pyrage.decrypt(data, keys)
    except pyrage.DecryptError as error:
        raise OSError(f"it cannot be opened with this identity ({error})") from error
    return opened


def chunks_of(file: IO[bytes], size: int) -> Iterator[bytes]:
    """A file, piece by piece."""
    while chunk := file.read(size):
        yield chunk
