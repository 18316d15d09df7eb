"""What ICMP says of datagrams of ours: that one did not arrive, and why.

What is none of these is no failure: RFC 3261 section 18.4 has time exceeded ignored, and too large a packet is an
affair of the path's MTU, which the kernel learns by itself.
"""

from talkpath.base.unsent import Unsent

_UNREACHABLE_V4 = 3
_PARAMETER_PROBLEM_V4 = 12
_UNREACHABLE_V6 = 1
_PARAMETER_PROBLEM_V6 = 4
# RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1. Code 4 asks for fragments.
_CODES_V4 = {
    0: Unsent.NET,
    1: Unsent.HOST,
    2: Unsent.PROTOCOL,
    3: Unsent.PORT,
    5: Unsent.NET,
    6: Unsent.NET,
    7: Unsent.HOST,
    8: Unsent.HOST,
    9: Unsent.PROHIBITED,
    10: Unsent.PROHIBITED,
    11: Unsent.NET,
    12: Unsent.HOST,
    13: Unsent.PROHIBITED,
    14: Unsent.PROHIBITED,
    15: Unsent.PROHIBITED,
}
# RFC 4443 section 3.1.
_CODES_V6 = {
    0: Unsent.NET,
    1: Unsent.PROHIBITED,
    2: Unsent.NET,
    3: Unsent.HOST,
    4: Unsent.PORT,
    5: Unsent.PROHIBITED,
    6: Unsent.NET,
}


def failure_of(kind: int, code: int, *, is_ipv6: bool) -> Unsent | None:
    """Why a datagram did not arrive; None where that is not said."""
    if kind == (_PARAMETER_PROBLEM_V6 if is_ipv6 else _PARAMETER_PROBLEM_V4):
        return Unsent.PARAMETER
    if kind != (_UNREACHABLE_V6 if is_ipv6 else _UNREACHABLE_V4):
        return None
    return (_CODES_V6 if is_ipv6 else _CODES_V4).get(code)
