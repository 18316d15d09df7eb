"""`--own`: the edge's calls, running and past, explained as captures are; and the call of a recording, by name."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from talkpath.app.calls.own import OwnCalls
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble
from talkpath.app.explain import words as texts
from talkpath.app.state.directory import recordings_directory, state_directory
from talkpath.base.texts import Language
from talkpath.calls.trace import Trace
from talkpath.explain.judging.barred import findings_of
from talkpath.explain.judging.explanation import Explanation
from talkpath.explain.judging.finding import Finding
from talkpath.explain.judging.own import explain_own
from talkpath.explain.reading.sites import Sites
from talkpath.explain.telling.select import Selection
from talkpath.store.history import Wanted
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import read
from talkpath.store.recordings.shelf import Shelf, Sought

# A call takes some 40 KB while it is explained.
_MOST_CALLS = 5_000


def explain_history(config: Config, wanted: Selection, sites: Sites, language: Language) -> Explanation:
    """The latest calls within the times that are wanted. Raises `Unavailable` where the history cannot be read."""
    within = Wanted(since=wanted.since, until=wanted.until, limit=_MOST_CALLS)
    own = OwnCalls(config)
    traces = own.traces(within)
    if len(traces) == _MOST_CALLS:
        print(texts.ONLY_LATEST.say(language, count=_MOST_CALLS), file=sys.stderr)
    return explain_own(traces, sites, time.time(), tuple(_of_the_guard(own, wanted)))


def call_recorded(config: Config, name: str) -> Trace | None:
    """The call of a recording of this edge, of which it knows more than what is in the packets. `name` is that of the
    recording, its Call-ID, or its pcap; None where it is none, or where the history has forgotten the call."""
    path = Path(name)
    try:
        if path.exists():
            made = read(Layout(path.absolute().parent.parent).manifest_of(path.stem))
        else:
            directory = recordings_directory(config, state_directory(config))
            (made,) = Shelf(directory).find(Sought(name=name, with_removed=True, limit=1))
        trace = OwnCalls(config).trace(made.call_id)
    except (OSError, ValueError, Trouble):
        return None
    # A Call-ID that comes again is of another call.
    end = float("inf") if trace.ended_at is None else trace.ended_at
    return trace if trace.start <= made.started <= end else None


def explain_recorded(trace: Trace, sites: Sites) -> Explanation:
    """As the running edge explained it."""
    return explain_own([trace], sites, time.time())


def _of_the_guard(own: OwnCalls, wanted: Selection) -> Iterator[Finding]:
    """What the guard told within the times that are wanted."""
    bans, refused = own.guarded()
    since, until = wanted.since or 0.0, wanted.until or float("inf")
    return findings_of(
        [ban for ban in bans if since <= ban.since <= until],
        [one for one in refused if one.last >= since and one.first <= until],
    )
