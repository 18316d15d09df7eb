"""How often errors are right, by how surely they are said.

`python -m tests.explain.world.judged SEEDS` counts this anew on captures of worlds that know nothing of the rules;
what it prints is written here by hand, with the number of its captures.
"""

from typing import NamedTuple


class Band(NamedTuple):
    """Errors said at `least` this confidence (and below the band before), and how many of them were right."""

    least: float
    said: int
    right: int


BANDS = (0.95, 0.9, 0.8, 0.7, 0.0)
CAPTURES = 840
MEASURED = (Band(0.95, 22, 22), Band(0.9, 251, 251), Band(0.8, 28, 28), Band(0.7, 36, 31), Band(0.0, 13, 13))
#: Captures among them in which nothing was wrong, and the errors that were said of those.
HEALTHY, FALSE_ALARMS = 480, 0
#: Errors said of captures that strangers published, compared with the packets (right, doubtful, wrong): of those that
#: the rules had been mended by, and of those that came afterwards.
MENDED_BY, NEW_TO_THEM = (15, 1, 0), (7, 1, 0)
