"""Uploads that a killed process left in S3 are aborted when they are a day old, and only then."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from obstore.store import MemoryStore
from tests.store.test_shipping import shipment

from talkpath.app.config.recording import Recording
from talkpath.app.recordings.storage import uploads_of
from talkpath.base.redact import Secret
from talkpath.store.shipping.objects import Failing, ObstoreObjects, StoreFailed
from talkpath.store.shipping.shipper import Shipper
from talkpath.store.shipping.uploads import Keys, Uploads, signed

NOW = datetime(2026, 5, 3, tzinfo=UTC)
EXAMPLE = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        ("lifecycle=", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_requests_are_signed_as_the_examples_of_amazon_are(query: str, signature: str) -> None:
    host, at = "examplebucket.s3.amazonaws.com", datetime(2013, 5, 24, tzinfo=UTC)
    made = signed(EXAMPLE, "us-east-1", "GET", host, "/", query, at)["Authorization"]
    assert made.endswith(f"Signature={signature}")


class Bucket:
    """The uploads of a bucket, told two a page. `status` is what it answers instead."""

    def __init__(self) -> None:
        self.uploads = {f"edge/pcaps/{n}.pcap": NOW - timedelta(hours=n * 12) for n in range(5)}
        self.status = 0
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self, status: int, body: str = "") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def do_GET(self) -> None:
                if bucket.status:
                    self._answer(bucket.status, "<Error/>" if bucket.status != 200 else "nonsense")
                    return
                query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
                after = query.get("key-marker", [""])[0]
                left = sorted(key for key in bucket.uploads if key.startswith(query["prefix"][0]) and key > after)
                listed = "".join(
                    f"<Upload><Key>{key}</Key><UploadId>of {key}</UploadId>"
                    f"<Initiated>{bucket.uploads[key]:%Y-%m-%dT%H:%M:%S.000Z}</Initiated></Upload>"
                    for key in left[:2]
                )
                more = f"<IsTruncated>{str(len(left) > 2).lower()}</IsTruncated>"
                if left:
                    more += f"<NextKeyMarker>{left[:2][-1]}</NextKeyMarker><NextUploadIdMarker>x</NextUploadIdMarker>"
                space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
                self._answer(200, f"<ListMultipartUploadsResult {space}>{listed}{more}</ListMultipartUploadsResult>")

            def do_DELETE(self) -> None:
                at = urlsplit(self.path)
                key = at.path.removeprefix("/bucket/")
                assert parse_qs(at.query)["uploadId"] == [f"of {key}"]
                self._answer(204 if bucket.uploads.pop(key, None) else 404)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(name="bucket")
def a_bucket() -> Iterator[Bucket]:
    made = Bucket()
    yield made
    made.close()


def uploads(endpoint: str) -> Uploads:
    return Uploads(endpoint, "bucket", "edge", "us-east-1", EXAMPLE, lambda: NOW)


def test_what_is_older_than_a_day_is_aborted_page_after_page(bucket: Bucket) -> None:
    bucket.uploads["of another/pcaps/9.pcap"] = NOW - timedelta(days=9)
    assert uploads(bucket.endpoint).sweep() == 2
    assert sorted(bucket.uploads) == [*(f"edge/pcaps/{n}.pcap" for n in range(3)), "of another/pcaps/9.pcap"]
    assert uploads(bucket.endpoint).sweep() == 0


@pytest.mark.parametrize(
    ("status", "failing"),
    [(403, Failing.DENIED), (404, Failing.MISSING), (500, Failing.UNREACHABLE), (200, Failing.UNREACHABLE)],
)
def test_a_store_that_does_not_let_us_costs_a_counter(
    tmp_path: Path, bucket: Bucket, status: int, failing: Failing
) -> None:
    bucket.status = status
    with pytest.raises(StoreFailed) as error:
        uploads(bucket.endpoint).sweep()
    assert error.value.failing is failing
    assert EXAMPLE.secret not in str(error.value)
    objects = ObstoreObjects(MemoryStore())
    shipper = Shipper(shipment(tmp_path, objects), lambda event: None, lambda: 0.0, uploads(bucket.endpoint))
    shipper.look()
    assert shipper.counters == {"sweep_failed": 1}
    bucket.status = 0
    shipper.look()
    assert len(bucket.uploads) == 5, "it is asked again only after hours"


def test_they_are_looked_for_where_there_are_keys_for_it() -> None:
    key, secret = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s"}, Secret("secret")
    ours = uploads_of(Recording(store="s3://bucket/a/b", store_key_id="me", store_secret=secret), {})
    assert ours is not None
    assert (ours.endpoint, ours.folder, ours.keys.id) == ("https://s3.us-east-1.amazonaws.com", "a/b", "me")
    lent = uploads_of(Recording(store="s3://bucket", store_endpoint="http://x:1"), {**key, "AWS_REGION": "eu-1"})
    assert lent is not None
    assert (lent.endpoint, lent.folder, lent.region, lent.keys.id) == ("http://x:1", "", "eu-1", "id")
    assert uploads_of(Recording(store="s3://bucket"), {}) is None
    assert uploads_of(Recording(store="gs://bucket", store_key_id="me", store_secret=secret), key) is None
