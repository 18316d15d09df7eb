"""What ICMP says of datagrams of ours: that one did not arrive, and why.

What is none of these is no failure: RFC 3261 section 18.4 has time exceeded ignored, and too large a packet is an
affair of the path's MTU, which the kernel learns by itself.
"""

_UNREACHABLE_V4 = 3
_PARAMETER_PROBLEM_V4 = 12
_UNREACHABLE_V6 = 1
_PARAMETER_PROBLEM_V6 = 4
# RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1. Code 4 asks for fragments.
_CODES_V4 = {
    0: "net-unreachable",
    1: "host-unreachable",
    2: "protocol-unreachable",
    3: "port-unreachable",
    5: "net-unreachable",
    6: "net-unreachable",
    7: "host-unreachable",
    8: "host-unreachable",
    9: "prohibited",
    10: "prohibited",
    11: "net-unreachable",
    12: "host-unreachable",
    13: "prohibited",
    14: "prohibited",
    15: "prohibited",
}
# RFC 4443 section 3.1.
_CODES_V6 = {
    0: "net-unreachable",
    1: "prohibited",
    2: "net-unreachable",
    3: "host-unreachable",
    4: "port-unreachable",
    5: "prohibited",
    6: "net-unreachable",
}


def failure_of(kind: int, code: int, *, is_ipv6: bool) -> str:
    """Why a datagram did not arrive, as a reason word; "" where that is not said."""
    if kind == (_PARAMETER_PROBLEM_V6 if is_ipv6 else _PARAMETER_PROBLEM_V4):
        return "parameter-problem"
    if kind != (_UNREACHABLE_V6 if is_ipv6 else _UNREACHABLE_V4):
        return ""
    return (_CODES_V6 if is_ipv6 else _CODES_V4).get(code, "")
