"""Which calls are recorded, and by whose word it begins, pauses and ends. How it is done is handed in (`Recorder`).

A recording begins with the first description that goes to somebody whose calls are recorded, so that early media is
in it; by hand at any time. Each beginning makes a new file, and one runs at a time. Whatever happens is a moment.
The sides are told of each when the call is answered, or at once when it is by then: by an announcement, and by a beep
every so often while it is not paused.
"""

from collections.abc import Callable
from enum import StrEnum

from talkpath.base.timers import Timers
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Value
from talkpath.edge.calls.call import Party, Phase, RunningCall
from talkpath.edge.calls.tape import Before, Facts, Recorder, Running, TakingPart
from talkpath.edge.settings import RecordingSettings, Which
from talkpath.media.engine import Clip
from talkpath.media.policy import CALLER


class Verb(StrEnum):
    """What the operator may want of a running call."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


class Wish(StrEnum):
    """What a phone may want of its call."""

    ON = "on"
    OFF = "off"


class Recordings:
    """See the module's docstring."""

    def __init__(
        self,
        settings: RecordingSettings,
        recorder: Recorder | None,
        ledger: Ledger,
        timers: Timers,
        touch: Callable[[RunningCall], None],
    ) -> None:
        """`touch` hears of a call with whose recording something was done by hand."""
        self._settings = settings
        self._recorder = recorder
        self._ledger = ledger
        self._timers = timers
        self._touch = touch

    def adopt(self, settings: RecordingSettings) -> None:
        """Go by these settings from now on. Recordings that run go on."""
        self._settings = settings

    # --- what the calls bring

    def consider(self, call: RunningCall, target: Party | None, now: float) -> None:
        """A description is about to go to `target` (None: it is a service of ours that answers)."""
        if self._recorder is None or call.recording is not None or call.was_recorded:
            return
        why = "script" if call.is_to_be_recorded else self._reason(call, target)
        if why:
            self._start(call, why, now)

    def _reason(self, call: RunningCall, target: Party | None) -> str:
        """Why the calls of these are recorded, "" where they are not."""
        settings = self._settings
        came = call.came_from
        gateway = None if target is None or target.through is None else target.through.gateway.settings
        if settings.calls is Which.ALL:
            return "all"
        if settings.calls is Which.INBOUND and came is not None:
            return "inbound"
        if settings.calls is Which.OUTBOUND and target is not None and not target.user:
            return "outbound"
        for user in (call.caller.user, "" if target is None else target.user):
            if user in settings.users:
                return f"user {user}"
        for one in (came, gateway):
            if one is not None and one.records:
                return f"gateway {one.name}"
        return ""

    def described(self, call: RunningCall, now: float) -> None:
        """Descriptions may have gone to the sides of a call."""
        if call.recording is not None and call.media is not None:
            for one in call.media.take_described():
                call.recording.tape.describe(one.mode, one.side, one.sdp, now)

    def said(self, call: RunningCall) -> Before | None:
        """What another process must know to go on with the recording that runs. An announcement that was not heard
        to its end is made again there, unless a script wants none."""
        running = call.recording
        if running is None:
            return None
        is_announcing = call.media is not None and call.media.is_announcing
        is_silent = call.announcement is not None and call.announcement.clip is None
        is_announced = is_silent or (running.is_announced and not is_announcing)
        return Before(running.why, running.tape.name, is_announced, running.paused_by)

    def go_on(self, call: RunningCall, before: Before, now: float) -> None:
        """The call was recorded in a process that is gone: it goes on in another file, paused where that was."""
        if self._recorder is not None and call.recording is None:
            self._start(call, before.why, now, before)

    def answered(self, call: RunningCall, now: float) -> None:
        """Somebody took the call."""
        if call.recording is not None:
            call.recording.tape.learn(self._facts(call), now)

    def joined(self, call: RunningCall, now: float) -> None:
        """The sides of an answered call hear each other: now they can be told that they are recorded."""
        running = call.recording
        if running is None or running.is_announced or call.media is None or call.phase is not Phase.ANSWERED:
            return
        running.is_announced = True
        announcement = self._announcement(call)
        if announcement is not None:
            call.media.announce(announcement, self._settings.told, now)
        self._begin_to_beep(call, running, now)

    def _begin_to_beep(self, call: RunningCall, running: Running, now: float) -> None:
        if self._settings.beep is not None:
            self._note(call, "recording.beeps", now, seconds=self._settings.beep_every_s)
            self._beep_later(call, running, self._settings.beep, now)

    def _announcement(self, call: RunningCall) -> Clip | None:
        """What the sides of an answered call hear: what the script says; else that of the first who has one among
        caller, callee, and the gateway that brought or took the call; else what all have."""
        if call.announcement is not None:
            return call.announcement.clip
        took = call.winner
        for user in (call.caller.user, "" if took is None else took.user):
            if user in self._settings.of_users:
                return self._settings.of_users[user]
        through = None if took is None or took.through is None else took.through.gateway.settings
        for gateway in (call.came_from, through):
            if gateway is not None and gateway.announcement is not None:
                return gateway.announcement
        return self._settings.announcement

    def _beep_later(self, call: RunningCall, running: Running, clip: Clip, now: float) -> None:
        def beep(then: float) -> None:
            if call.recording is not running or call.media is None:
                return
            if not running.is_paused:
                call.media.announce(clip, self._settings.told, then, is_noted=False)
            self._beep_later(call, running, clip, then)

        self._timers.start(self._settings.beep_every_s, now, beep)

    def ended(self, call: RunningCall, by: str, how: str, now: float) -> None:
        """The call is over, and with it its media."""
        running, call.recording = call.recording, None
        if running is not None:
            running.tape.close(self._facts(call, by, how), "call-ended", by, now)

    # --- what somebody wants

    def command(self, call: RunningCall, verb: Verb, by: str, now: float) -> str:
        """Do it; "" when done, else the word for why it makes no sense."""
        self._touch(call)
        running = call.recording
        if self._recorder is None:
            return "off"
        if call.phase is Phase.OVER or call.media is None:
            return "no-media"
        match verb:
            case Verb.START:
                if running is not None:
                    return "running"
                self._start(call, by, now)
            case Verb.STOP if running is not None:
                call.recording = None
                call.media.record(None)
                running.tape.close(self._facts(call), "stopped", by, now)
                self._note(call, "recording.stopped", now, name=running.tape.name, by=by)
            case Verb.PAUSE if running is not None:
                if running.is_paused:
                    return "paused"
                running.paused_by = by
                running.tape.pause(by, now)
                self._note(call, "recording.paused", now, name=running.tape.name, by=by)
            case Verb.RESUME if running is not None:
                if not running.is_paused:
                    return "not-paused"
                running.paused_by = None
                running.tape.resume(now)
                self._note(call, "recording.resumed", now, name=running.tape.name, by=by)
            case _:
                return "not-running"
        return ""

    @property
    def has_keys(self) -> bool:
        """Whether phones may start recordings at all."""
        return self._settings.by_phones or bool(self._settings.key_users)

    def wished(self, call: RunningCall, wish: Wish, user: str, now: float) -> str:
        """A phone of `user` ("" for nobody's) pressed its record key; "" when it is as it wishes, else the word for
        why not. A phone ends what a phone of its user began: what the operator or the other side want stays."""
        if not user or not (self._settings.by_phones or user in self._settings.key_users):
            return "may-not"
        running, by = call.recording, f"phone {user}"
        if running is None:
            return self.command(call, Verb.START, by, now) if wish is Wish.ON else ""
        if wish is Wish.ON:
            return "paused-by-other" if running.is_paused else ""
        return self.command(call, Verb.STOP, by, now) if running.why == by else "not-its-own"

    def _start(self, call: RunningCall, why: str, now: float, before: Before | None = None) -> None:
        assert self._recorder is not None
        tape = self._recorder.open(self._facts(call), why, now, "" if before is None else before.name)
        running = call.recording = Running(tape, why)
        call.was_recorded = True
        self._note(call, "recording.started", now, name=tape.name, why=why)
        if before is not None and before.paused_by is not None:
            # Before it gets the first packet.
            running.paused_by = before.paused_by
            tape.pause(before.paused_by, now)
            self._note(call, "recording.paused", now, name=tape.name, by=before.paused_by)
        if call.media is not None:
            call.media.record(tape.recording)
            for one in call.media.in_force():
                tape.describe(one.mode, one.side, one.sdp, now)
        if before is not None and before.is_announced:
            running.is_announced = True
            self._begin_to_beep(call, running, now)
        self.joined(call, now)

    def _facts(self, call: RunningCall, by: str = "", how: str = "") -> Facts:
        parties = (call.caller, *call.callees.values())
        told = tuple(_taking_part(call, one) for one in parties if one is call.caller or _took_part(call, one))
        return Facts(call.call_id, told, call.winner is not None, by, how)

    def _note(self, call: RunningCall, kind: str, now: float, **values: Value) -> None:
        self._ledger.moment(now, call.call_id, kind, **values)


def _took_part(call: RunningCall, party: Party) -> bool:
    """Of a call that was answered, only who answered; before, everybody whom it rings at."""
    return call.winner is None or party.is_confirmed


def _taking_part(call: RunningCall, party: Party) -> TakingPart:
    came = call.came_from if party.leg == CALLER else None
    gateway = came if came is not None else None if party.through is None else party.through.gateway.settings
    side = "caller" if party.leg == CALLER else "callee"
    name = "" if gateway is None else gateway.name
    return TakingPart(int(party.leg), side, party.name, party.user, name, str(party.flow.remote))
