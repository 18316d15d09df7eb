"""What somebody gets otherwise than it came: header fields, who the caller is said to be, descriptions.

Whoever routes says so for each target (a script, or what a gateway wants); `sending.py` and `answers.py` write it.
"""

from collections.abc import Callable, Sequence

from talkpath.edge.calls.tape import Announcement

#: A session description, changed.
Edit = Callable[[bytes], bytes]


class Changes:
    """What changes for one target in the request, and in its answers on their way back.

    `removed` are names of header fields, `added` whole header lines, each with its line end; `sender` is the From
    value without its tag, "" to leave it. `offer` changes the description before media is anchored (sections,
    directions, attributes), `codecs` what the target is offered in the end, codecs of ours included. What begins with
    `answer` is the same for the answers. `diet` is what a description can do without where it is too large, before
    what the settings say of all. `record`: the call is to be recorded, and its sides hear this `announcement`, None
    for what the settings say.
    """

    __slots__ = (
        "added",
        "announcement",
        "answer",
        "answer_added",
        "answer_removed",
        "codecs",
        "diet",
        "offer",
        "record",
        "removed",
        "sender",
    )

    def __init__(
        self,
        *,
        removed: Sequence[str] = (),
        added: str = "",
        sender: str = "",
        offer: Edit | None = None,
        codecs: Edit | None = None,
        answer_removed: Sequence[str] = (),
        answer_added: str = "",
        answer: Edit | None = None,
        diet: Sequence[str] = (),
        record: bool = False,
        announcement: Announcement | None = None,
    ) -> None:
        self.removed = tuple(removed)
        self.added = added
        self.sender = sender
        self.offer = offer
        self.codecs = codecs
        self.answer_removed = tuple(answer_removed)
        self.answer_added = answer_added
        self.answer = answer
        self.diet = tuple(diet)
        self.record = record
        self.announcement = announcement
