"""An object store, whoever runs it: what we ask of it, and how it is asked by obstore.

Everything is streamed: an object of gigabytes takes the memory of a few parts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, Protocol

from talkpath.base import limits
from talkpath.base.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class Failing(StrEnum):
    """Why a store does not do what it is asked: it cannot be reached or is ill, it does not let us, what is asked for
    is not there (the bucket, where nothing else was), or it holds other bytes than it was given."""

    UNREACHABLE = "unreachable"
    DENIED = "denied"
    MISSING = "missing"
    ALTERED = "altered"


class StoreFailed(Unavailable):
    """A store did not do what it was asked. The reason is a line, and holds no credentials."""

    def __init__(self, failing: Failing, reason: str, place: str = "") -> None:
        super().__init__(f"store-{failing}", reason, place)
        self.failing = failing


class Listed(NamedTuple):
    """An object, its bytes, and when it was written last (seconds since the epoch, by the clock of the store)."""

    path: str
    size: int
    modified: float


class Objects(Protocol):
    """What we ask of a store. Each raises `StoreFailed`."""

    def size(self, path: str) -> int | None:
        """The bytes of an object; None where there is none."""

    def put(self, path: str, chunks: Iterable[bytes]) -> None:
        """Write an object, whole or not at all. What breaks off `chunks` breaks off the object."""

    def read(self, path: str) -> Iterator[bytes]:
        """What the store holds, piece by piece."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """The objects of a folder and those below it."""

    def delete(self, path: str) -> None:
        """Remove an object; one that is not there is removed."""


def digest_in(chunks: Iterable[bytes]) -> str:
    """The SHA-256 of what a store gives. Raises what reading it raises."""
    hashed = sha256()
    for chunk in chunks:
        hashed.update(chunk)
    return hashed.hexdigest()


def put_and_check(
    objects: Objects,
    path: str,
    chunks: Iterable[bytes],
    digest: str,
    watched: Callable[[Iterable[bytes]], Iterable[bytes]] = iter,
) -> None:
    """Write an object and read it back: what has not this SHA-256 goes again. `watched` stands on the way of the
    chunks, there and back, and may break it off. Raises `StoreFailed`, and what `watched` raises."""
    objects.put(path, watched(chunks))
    if digest_in(watched(objects.read(path))) != digest:
        # We wrote it a moment ago, and it is of no use to anybody.
        objects.delete(path)
        raise StoreFailed(Failing.ALTERED, "the store holds other bytes than it was given", path)


class ObstoreObjects:
    """S3 and what speaks like it, Google, Azure, a directory, by obstore."""

    def __init__(self, store: "ObjectStore", secrets: Iterable[str] = ()) -> None:
        self._store = store
        self._secrets = tuple(filter(None, secrets))

    def size(self, path: str) -> int | None:
        import obstore

        try:
            return obstore.head(self._store, path)["size"]
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - obstore's errors have no common base that is public
            raise self._failed(error, path) from None

    def put(self, path: str, chunks: Iterable[bytes]) -> None:
        import obstore

        try:
            with obstore.open_writer(
                self._store, path, buffer_size=limits.STORE_PART_BYTES, max_concurrency=limits.STORE_PARTS_AT_ONCE
            ) as writer:
                for chunk in chunks:
                    writer.write(chunk)
        except Exception as error:  # noqa: BLE001
            raise self._failed(error, path) from None

    def read(self, path: str) -> Iterator[bytes]:
        import obstore

        try:
            for chunk in obstore.get(self._store, path).stream(min_chunk_size=limits.STORE_CHUNK_BYTES):
                yield bytes(chunk)
        except Exception as error:  # noqa: BLE001
            raise self._failed(error, path) from None

    def list(self, prefix: str) -> Iterator[Listed]:
        import obstore

        try:
            for some in obstore.list(self._store, prefix or None):
                for one in some:
                    yield Listed(one["path"], one["size"], one["last_modified"].timestamp())
        except Exception as error:  # noqa: BLE001
            raise self._failed(error, prefix) from None

    def delete(self, path: str) -> None:
        import obstore

        try:
            obstore.delete(self._store, path)
        except FileNotFoundError:
            return
        except Exception as error:  # noqa: BLE001
            raise self._failed(error, path) from None

    def _failed(self, error: Exception, path: str) -> Exception:
        if isinstance(error, BrokenOff | StoreFailed):
            return error
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError) and error.errno is not None:
            return error  # of the file that is read, not of the store
        return StoreFailed(_failing(error), _line(error, self._secrets), path)


class BrokenOff(Exception):
    """We stop: what is under way is begun again later."""


def _failing(error: Exception) -> Failing:
    from obstore import exceptions

    match error:
        case PermissionError() | exceptions.PermissionDeniedError() | exceptions.UnauthenticatedError():
            return Failing.DENIED
        case FileNotFoundError() | exceptions.NotFoundError():
            return Failing.MISSING
        case _:
            return Failing.UNREACHABLE


def _line(error: Exception, secrets: Iterable[str]) -> str:
    """The first line of what obstore says, without what nobody must see; what follows is for debugging it."""
    line = str(error).partition("\n")[0].strip()
    for secret in secrets:
        line = line.replace(secret, "***")
    return line[:300]


def open_objects(url: str, options: Mapping[str, str]) -> ObstoreObjects:
    """The store at a URL: s3://bucket/prefix, gs://, az://, file:///directory. Credentials that `options` does not
    give are those of the environment or of the machine. Raises `StoreFailed` for a URL or options that make no sense.
    """
    from obstore.store import from_url

    secrets = [value for key, value in options.items() if _is_secret(key)]
    try:
        if url.startswith("file:"):
            return ObstoreObjects(from_url(url, mkdir=True, automatic_cleanup=True))
        store = from_url(
            url,
            config=dict(options),  # type: ignore[call-overload]
            client_options={
                "connect_timeout": timedelta(seconds=limits.STORE_CONNECT_S),
                "timeout": timedelta(seconds=limits.STORE_ANSWER_S),
                "allow_http": options.get("endpoint", "").startswith("http:"),
            },
            # What fails for longer is for the schedule, which knows of the other recordings.
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=limits.STORE_ANSWER_S)},
        )
    except Exception as error:  # noqa: BLE001
        raise StoreFailed(Failing.DENIED, _line(error, secrets), url) from None
    return ObstoreObjects(store, secrets)


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in ("secret", "key", "token", "password", "sas"))
