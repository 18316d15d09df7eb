"""Digest arithmetic against the examples of the RFCs."""

from talkpath.sip.digest import Algorithm, Nonces, ha1, response

# RFC 7616 section 3.9.1.
PARAMS = {
    "uri": "/dir/index.html",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "qop": "auth",
}


def test_the_examples_of_rfc_7616() -> None:
    for algorithm, expected in (
        (Algorithm.MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm.SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        secret = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
        assert response(algorithm, secret, "GET", PARAMS) == expected


def test_a_client_without_qop_is_understood() -> None:
    # RFC 2069's form, with RFC 2617's example values.
    secret = ha1(Algorithm.MD5, "Mufasa", "testrealm@host.com", "Circle Of Life")
    params = {"uri": "/dir/index.html", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
    assert response(Algorithm.MD5, secret, "GET", params) == "670fd8c2df070c60b045671b8b24ff02"


def test_nonces_are_ours_unique_and_mortal() -> None:
    nonces = Nonces(b"k" * 32, 300)
    first, second = nonces.fresh("192.0.2.1", 1000.0), nonces.fresh("192.0.2.1", 1000.0)
    assert first != second
    assert nonces.is_ours(first, "192.0.2.1")
    assert not nonces.is_ours(first, "192.0.2.2")
    assert not nonces.is_ours(first[:-1] + ("0" if first[-1] != "0" else "1"), "192.0.2.1")
    assert not nonces.is_ours("made-up", "192.0.2.1")
    assert not nonces.is_stale(first, 1300.0)
    assert nonces.is_stale(first, 1302.0)


def test_the_example_of_rfc_7616_with_sha_512_256() -> None:
    """Section 3.9.2, with the response of erratum 4897: the algorithm has an initial value of its own and is not the
    beginning of SHA-512."""
    secret = ha1("SHA-512-256", "J\u00e4s\u00f8n Doe", "api@example.org", "Secret, or not?")
    params = {
        "uri": "/doe.json",
        "nonce": "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        "nc": "00000001",
        "cnonce": "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        "qop": "auth",
    }
    expected = "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert response("SHA-512-256", secret, "GET", params) == expected


def test_the_body_counts_where_its_integrity_is_asked_for() -> None:
    params = {"uri": "sip:b", "nonce": "n", "qop": "auth-int", "nc": "00000001", "cnonce": "c"}
    assert response("MD5", "s", "INVITE", params, b"v=0") != response("MD5", "s", "INVITE", params, b"v=1")
