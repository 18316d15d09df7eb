"""What the log says of recordings: those that an edge that died left behind."""

import asyncio
import logging

from talkpath.app.console.phrase import phrase
from talkpath.app.recordings import record_words as words
from talkpath.app.recordings.recorder import CallRecorder
from talkpath.base.texts import Language
from talkpath.store.recordings.mending import Mended

_log = logging.getLogger("talkpath.recordings")


async def take_up(recorder: CallRecorder, language: Language) -> None:
    """Have what was left behind closed, and say so. An edge that cannot record is still an edge."""
    try:
        left = await asyncio.to_thread(recorder.look)
    except OSError as error:
        said = phrase(words.NO_DIRECTORY, path=error.filename or "", why=error.strerror or "")
        _log.error("%s", said.say_briefly(language))
        return
    if left:
        recorder.close_left(left, lambda one: _say(one, language))


def _say(one: Mended, language: Language) -> None:
    said = phrase(words.MENDED, name=one.name, packets=one.packets, cut=one.cut_bytes)
    if one.why:
        said = phrase(words.NOT_MENDED, name=one.name, why=one.why)
    _log.warning("%s", said.say_briefly(language))
