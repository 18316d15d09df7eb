"""`--own`: the edge's calls, running and past, explained as captures are."""

import sys
import time
from collections.abc import Iterator

from talkpath.app import explain_words as texts
from talkpath.app.config.tree import Config
from talkpath.app.own_calls import OwnCalls
from talkpath.base.texts import Language
from talkpath.explain.barred import findings_of
from talkpath.explain.explanation import Explanation
from talkpath.explain.finding import Finding
from talkpath.explain.own import explain_own
from talkpath.explain.select import Selection
from talkpath.explain.sites import Sites
from talkpath.store.history import Wanted

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


def _of_the_guard(own: OwnCalls, wanted: Selection) -> Iterator[Finding]:
    """What the guard told within the times that are wanted."""
    bans, refused = own.guarded()
    since, until = wanted.since or 0.0, wanted.until or float("inf")
    return findings_of(
        [ban for ban in bans if since <= ban.since <= until],
        [one for one in refused if one.last >= since and one.first <= until],
    )
