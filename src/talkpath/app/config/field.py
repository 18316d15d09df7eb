"""What stands on every field of the configuration."""

from typing import Annotated

import msgspec

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


def doc(en: str, zh: str, *, ge: float | None = None, le: float | None = None, of: str | None = None) -> msgspec.Meta:
    """What stands on a field: its documentation in both languages, its bounds, and what kind of text it holds.

    `of` names the check that `checks.py` makes on each text of the field: address, network, domain, endpoint.
    """
    return msgspec.Meta(description=en, ge=ge, le=le, extra={"zh": zh, "of": of})
