"""Names that scanning tools give themselves, in User-Agent or From."""

from talkpath.sip.message import Message

TOOLS = (
    "friendly-scanner",
    "sipvicious",
    "sundayddr",
    "sipcli",
    "sip-scan",
    "vaxsipuseragent",
    "pplsip",
    "sipsak",
    "iwar",
    "siparmyknife",
    "smap",
    "gulp",
    "sipptk",
)


def tool_of(sip: Message) -> str:
    """The name of a scanning tool, "" for anything else."""
    agent = sip.first("User-Agent") or ""
    text = f"{agent} {sip.first('From') or ''}".lower()
    for tool in TOOLS:
        if tool in text:
            return agent or tool
    return ""
