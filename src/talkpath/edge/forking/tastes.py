"""What phones have shown to take: the profile they are to be offered first, and whether a refusal is about something
that another profile would change.

A phone shows it by what it offers itself, takes and refuses, and shows it for others with the same User-Agent string
that have shown nothing yet. Only what helps with the first offer is kept: a wrong guess costs one more refusal.
"""

from typing import NamedTuple, TypeVar

from talkpath.base import limits
from talkpath.media.policy import Profile, protocol_of, voices
from talkpath.sip.message import Message

_NOTHING: frozenset[Profile] = frozenset()
_UNKNOWN: frozenset[str] = frozenset()
# Everybody speaks one of them: who refuses an offer with one refuses something else.
_EVERYBODYS = frozenset({"pcmu", "pcma"})
# RFC 3261 section 20.43: incompatible transport protocol, media type not available, incompatible media format.
_WARNS_OF_PROFILE = "302"
_WARNS = (_WARNS_OF_PROFILE, "304", "305")
# As much of a User-Agent string as tells products and versions apart.
_AGENT_CHARACTERS = 120

#: A registered phone: user, and identity of its binding.
PhoneKey = tuple[str, tuple[str, str]]


class Taste(NamedTuple):
    """What one phone has shown. `takes` is the profile that it offered or took last, `refuses` what it refused since,
    `speaks` the codecs that it named in an offer or a refusal (empty for unknown)."""

    takes: Profile | None = None
    refuses: frozenset[Profile] = _NOTHING
    speaks: frozenset[str] = _UNKNOWN


_BLANK = Taste()


class Tastes:
    """Of registered phones, and of User-Agent strings."""

    def __init__(self) -> None:
        self._phones: dict[PhoneKey, Taste] = {}
        self._agents: dict[str, Profile] = {}

    def of(self, phone: PhoneKey | None) -> Taste:
        """What this phone has shown; a blank taste for one that has shown nothing."""
        return _BLANK if phone is None else self._phones.get(phone, _BLANK)

    def first(self, phone: PhoneKey | None, agent: str, offered: Profile) -> Profile:
        """What to offer first to a phone that is called by a side with this profile.

        What it demands comes before what the caller brings, and that before plain RTP: who takes both may have what
        the caller encrypts.
        """
        taste = self.of(phone)
        demanded = self._demanded(taste, agent)
        wished = offered if demanded is None or demanded is Profile.PLAIN else demanded
        if wished not in taste.refuses:
            return wished
        return next(iter(self._order(taste, agent, offered, taste.refuses)), offered)

    def next(
        self, phone: PhoneKey | None, agent: str, offered: Profile, named: Profile | None, refused: frozenset[Profile]
    ) -> Profile | None:
        """What to offer to one that refused `refused` in this call and `named` another; None when that was all."""
        order = self._order(self.of(phone), agent, offered, refused)
        return named if named is not None and named not in refused else next(iter(order), None)

    def _demanded(self, taste: Taste, agent: str) -> Profile | None:
        return taste.takes if taste.takes is not None else self._agents.get(agent[:_AGENT_CHARACTERS])

    def _order(self, taste: Taste, agent: str, offered: Profile, without: frozenset[Profile]) -> list[Profile]:
        demanded = self._demanded(taste, agent)
        wishes = [demanded, offered] if demanded is not Profile.PLAIN else [offered, demanded]
        return [one for one in (*wishes, *Profile) if one is not None and one not in without]

    def took(self, phone: PhoneKey | None, agent: str, profile: Profile, speaks: frozenset[str] = _UNKNOWN) -> None:
        """A phone offered or accepted this profile, and spoke these codecs where it named all that it speaks."""
        if agent:
            _keep(self._agents, agent[:_AGENT_CHARACTERS], profile, limits.PROFILES_OF_AGENTS)
        if phone is None:
            return
        known = self._phones.get(phone)
        if known is None:
            _keep(self._phones, phone, Taste(profile, _NOTHING, speaks), limits.PROFILES)
        elif known.takes is not profile or profile in known.refuses or (speaks and speaks is not known.speaks):
            self._phones[phone] = Taste(profile, known.refuses - {profile}, speaks or known.speaks)

    def refused(self, phone: PhoneKey | None, profile: Profile, speaks: frozenset[str] = _UNKNOWN) -> None:
        """A phone refused this profile, and named what it speaks. Kept at once: a caller who does not wait calls
        again. Who refused everything has shown nothing."""
        if phone is None:
            return
        known = self._phones.get(phone, _BLANK)
        refuses = known.refuses | {profile}
        takes = None if known.takes is profile else known.takes
        if len(refuses) == len(Profile):
            takes, refuses = None, _NOTHING
        _keep(self._phones, phone, Taste(takes, refuses, speaks or known.speaks), limits.PROFILES)

    def is_about_codecs(self, phone: PhoneKey | None, profile: Profile, asked: bytes, refusal: Message) -> bool:
        """Whether the refusal of a request that offered this profile is one that no other would change.

        By what it says (a Warning, RFC 3261 section 20.43; a description, 21.4.26), else by what the phone is known
        to speak and take.
        """
        warning = (refusal.first("Warning") or "")[:3]
        if warning in _WARNS:
            return warning != _WARNS_OF_PROFILE
        names, taste = voices(asked), self.of(phone)
        if refusal.carries_sdp:
            return protocol_of(refusal.sdp) == protocol_of(asked) or names.isdisjoint(voices(refusal.sdp))
        if taste.speaks:
            return names.isdisjoint(taste.speaks)
        return taste.takes is profile and names.isdisjoint(_EVERYBODYS)


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _keep(known: dict[_Key, _Value], key: _Key, value: _Value, cap: int) -> None:
    """The oldest makes room."""
    if len(known) >= cap and key not in known:
        del known[next(iter(known))]
    known[key] = value
