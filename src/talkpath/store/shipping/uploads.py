"""Uploads to S3 that a process which was killed left behind: parts that nobody sees, and that take room.

obstore can neither list nor abort them, so this asks S3 itself: two requests, signed as AWS Signature Version 4 says.
"""

import hmac
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

from talkpath.base import limits
from talkpath.store.shipping.objects import Failing, StoreFailed

#: What is older is nobody's any more: the largest recording is not under way for so long.
ABANDONED_S = 86_400.0
_NOTHING = sha256(b"").hexdigest()


class Upload(NamedTuple):
    """One that was begun and not ended; when, in seconds since the epoch."""

    key: str
    id: str
    begun: float


@dataclass(frozen=True, slots=True)
class Keys:
    """Who asks. `token` belongs to keys that are lent."""

    id: str
    secret: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Uploads:
    """The uploads below a folder of a bucket. `endpoint` is the address of the service, without the bucket."""

    endpoint: str
    bucket: str
    folder: str
    region: str
    keys: Keys
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def sweep(self) -> int:
        """Abort those that are abandoned; how many. Raises `StoreFailed`."""
        until = self.now().timestamp() - ABANDONED_S
        old = [one for one in self.all() if one.begun < until]
        for one in old:
            self._ask("DELETE", one.key, {"uploadId": one.id})
        return len(old)

    def all(self) -> Iterator[Upload]:
        """Every upload that was not ended. Raises `StoreFailed`."""
        query = {"uploads": "", "prefix": f"{self.folder}/" if self.folder else ""}
        while True:
            page = _parsed(self._ask("GET", "", query))
            for one in page.iterfind("{*}Upload"):
                begun = datetime.fromisoformat(_text(one, "Initiated").replace("Z", "+00:00"))
                yield Upload(_text(one, "Key"), _text(one, "UploadId"), begun.timestamp())
            if _text(page, "IsTruncated") != "true":
                return
            query["key-marker"] = _text(page, "NextKeyMarker")
            query["upload-id-marker"] = _text(page, "NextUploadIdMarker")

    def _ask(self, method: str, key: str, query: dict[str, str]) -> bytes:
        at = urlsplit(self.endpoint)
        path = quote("/".join(filter(None, (at.path.strip("/"), self.bucket, key))), safe="/-_.~")
        words = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
        headers = signed(self.keys, self.region, method, at.netloc, f"/{path}", words, self.now())
        url = f"{at.scheme}://{at.netloc}/{path}?{words}"
        request = urllib.request.Request(url, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=limits.STORE_ANSWER_S) as answer:
                body: bytes = answer.read(limits.STORE_LISTING_BYTES)
                return body
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404 and method == "DELETE":
                return b""  # it ended, or another edge swept it
            failing = {401: Failing.DENIED, 403: Failing.DENIED, 404: Failing.MISSING}
            raise StoreFailed(failing.get(error.code, Failing.UNREACHABLE), f"{error.code} {error.reason}") from None
        except (OSError, ValueError) as error:
            raise StoreFailed(Failing.UNREACHABLE, str(error)) from None


def signed(keys: Keys, region: str, method: str, host: str, path: str, query: str, at: datetime) -> dict[str, str]:
    """The headers of a request without a body, its path and query escaped and in order."""
    time, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
    headers = {"host": host, "x-amz-content-sha256": _NOTHING, "x-amz-date": time}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join((method, path, query, lines, names, _NOTHING))
    scope = f"{day}/{region}/s3/aws4_request"
    key = f"AWS4{keys.secret}".encode()
    for word in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    said = "\n".join(("AWS4-HMAC-SHA256", time, scope, sha256(request.encode()).hexdigest()))
    signature = hmac.digest(key, said.encode(), "sha256").hex()
    credential = f"AWS4-HMAC-SHA256 Credential={keys.id}/{scope},SignedHeaders={names},Signature={signature}"
    return {**headers, "Authorization": credential}


def _parsed(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise StoreFailed(Failing.UNREACHABLE, f"the list of uploads cannot be read ({error})") from error


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""
