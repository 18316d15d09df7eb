"""Why a connection of ours did not come about, as the kernel and TLS say it."""

import errno
import ssl

from talkpath.base.unsent import Unsent

_BY_NUMBER = {
    errno.ECONNREFUSED: Unsent.REFUSED,
    errno.ECONNRESET: Unsent.CLOSED,
    errno.EPIPE: Unsent.CLOSED,
    errno.EHOSTUNREACH: Unsent.HOST,
    errno.ENETUNREACH: Unsent.NET,
    errno.EACCES: Unsent.PROHIBITED,
    errno.EPERM: Unsent.PROHIBITED,
    errno.EMFILE: Unsent.TOO_MANY,
    errno.ENFILE: Unsent.TOO_MANY,
}
# X509_V_ERR_... of OpenSSL (x509_vfy.h).
_BY_VERDICT = {
    9: Unsent.NOT_YET,
    10: Unsent.EXPIRED,
    2: Unsent.UNTRUSTED,
    7: Unsent.UNTRUSTED,  # the authority has the name of one that is trusted, and another key
    18: Unsent.UNTRUSTED,
    19: Unsent.UNTRUSTED,
    20: Unsent.UNTRUSTED,
    21: Unsent.UNTRUSTED,
    62: Unsent.OTHER_NAME,
    64: Unsent.OTHER_NAME,
}


def why_not_open(error: OSError) -> Unsent:
    """What the error of a connection that was to be opened means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _BY_VERDICT.get(error.verify_code, Unsent.CERTIFICATE)
    if isinstance(error, ssl.SSLError):
        return Unsent.TLS
    if isinstance(error, TimeoutError):
        return Unsent.NO_CONNECTION
    if isinstance(error, ConnectionResetError):
        return Unsent.CLOSED
    return _BY_NUMBER.get(error.errno or 0, Unsent.UNREACHABLE)
