"""Why bytes could not leave, or a place could not be reached: the words by which rooms tell each other."""

from enum import StrEnum


class Unsent(StrEnum):
    """What the network, a connection or a certificate said."""

    #: Nobody said why.
    UNREACHABLE = "unreachable"
    # What ICMP says of a datagram, and the kernel of a connection that it did not open.
    PORT = "port-unreachable"
    HOST = "host-unreachable"
    NET = "net-unreachable"
    PROTOCOL = "protocol-unreachable"
    PROHIBITED = "prohibited"
    PARAMETER = "parameter-problem"
    # Connections.
    REFUSED = "connection-refused"
    NO_CONNECTION = "no-connection"
    CLOSED = "connection-closed"
    #: It stood, and does not any more.
    LOST = "connection-lost"
    TOO_MANY = "too-many-connections"
    # TLS (RFC 5922).
    TLS = "tls-failed"
    CERTIFICATE = "certificate-bad"
    EXPIRED = "certificate-expired"
    NOT_YET = "certificate-not-yet"
    OTHER_NAME = "certificate-name"
    UNTRUSTED = "certificate-untrusted"
    #: The file that says who may sign its certificate can not be read.
    AUTHORITY = "authority-unreadable"


#: All of them.
UNSENT = frozenset(Unsent)
