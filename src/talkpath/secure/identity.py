"""OpenSSL contexts made once from our certificate and shared by all calls."""

import hashlib
import hmac
from typing import cast

from cryptography import x509
from OpenSSL import SSL

from talkpath.secure.certificate import Certificate, Fingerprint
from talkpath.secure.suites import Suite

_DTLS_1_2 = 0xFEFD
# What browsers and phones of the last ten years have; forward secrecy always.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL"
_OPTIONS = SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION


class Identity:
    """Who we are in DTLS. `cookie_secret` (32 random bytes) keeps the cookies of one node its own."""

    def __init__(self, certificate: Certificate, cookie_secret: bytes) -> None:
        self.certificate = certificate
        self.fingerprint: Fingerprint = certificate.fingerprint
        self._cookie_secret = cookie_secret
        self._plain = self._context()
        self._cookied = self._context()
        self._cookied.set_options(SSL.OP_COOKIE_EXCHANGE or 0)
        self._cookied.set_cookie_generate_callback(self._cookie)
        self._cookied.set_cookie_verify_callback(self._is_cookie)

    def client(self, mtu: int) -> SSL.Connection:
        connection = SSL.Connection(self._plain, None)
        connection.set_ciphertext_mtu(mtu)
        connection.set_connect_state()
        return connection

    def server(self, mtu: int) -> SSL.Connection:
        connection = SSL.Connection(self._plain, None)
        connection.set_ciphertext_mtu(mtu)
        connection.set_accept_state()
        return connection

    def listener(self, mtu: int) -> SSL.Connection:
        """A server that first asks for a cookie (RFC 6347 section 4.2.1), bound to its application data."""
        connection = SSL.Connection(self._cookied, None)
        connection.set_ciphertext_mtu(mtu)
        connection.set_accept_state()
        return connection

    def _context(self) -> SSL.Context:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        context.set_options(_OPTIONS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_cipher_list(_CIPHERS)
        context.use_certificate(x509.load_der_x509_certificate(self.certificate.der))
        context.use_privatekey(self.certificate.key)
        # Self-signed on both sides (RFC 5763): a certificate must be there, its fingerprint decides.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.set_tlsext_use_srtp(":".join(suite.openssl_name for suite in Suite if suite.openssl_name).encode())
        return context

    def _cookie(self, connection: SSL.Connection) -> bytes:
        who = cast(bytes, connection.get_app_data())
        return hmac.digest(self._cookie_secret, who, hashlib.sha256)

    def _is_cookie(self, connection: SSL.Connection, cookie: bytes) -> bool:
        return hmac.compare_digest(cookie, self._cookie(connection))
