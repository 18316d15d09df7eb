"""The waveform of both sides as a PNG, with the moments of the call. Drawn by Pillow, which is loaded for nothing
else."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from talkpath.audio.sound import Sound
from talkpath.base.errors import Unavailable

#: Stretches of time that are drawn, one a pixel.
COLUMNS = 1500

_LEFT, _RIGHT, _TOP, _BOTTOM, _LANE, _GAP = 76, 24, 104, 40, 170, 18
_PAPER, _INK, _FAINT, _GRID = "#ffffff", "#1d2733", "#7a8694", "#e3e8ee"
_SIDES = (("caller", "#2166ac"), ("callee", "#b2552b"))
_MARK, _PAUSE = "#3a7d44", "#f3efe0"
#: Where they are: for Chinese among the rest first, then what has most letters.
_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
)
_FONT_PX, _ROW_PX, _ROWS = 15, 20, 3
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200)


class Mark(NamedTuple):
    """Something of the call at a time (seconds since the epoch), until another one where it lasted; in a word or
    two."""

    time: float
    text: str
    until: float | None = None


class NeedsPillow(Unavailable):
    """It is not installed."""

    def __init__(self) -> None:
        super().__init__("needs-pillow", "drawing a waveform needs Pillow; install talkpath[audio]")


class _Scale(NamedTuple):
    """Where a time is on the picture."""

    start: float
    seconds: float

    def x(self, at: float) -> float:
        share = (at - self.start) / max(self.seconds, 1e-6)
        return _LEFT + min(1.0, max(0.0, share)) * COLUMNS


def draw(sound: Sound, marks: Sequence[Mark], title: str, out: Path) -> None:
    """Draw what was read of the sound, all of whose blocks were taken. Raises NeedsPillow and OSError."""
    if find_spec("PIL") is None:
        raise NeedsPillow
    image_of: Any = import_module("PIL.Image")
    pen_of: Any = import_module("PIL.ImageDraw")
    font = _font_for(title + "".join(mark.text for mark in marks))
    size = (_LEFT + COLUMNS + _RIGHT, _TOP + 2 * _LANE + _GAP + _BOTTOM)
    image = image_of.new("RGB", size, _PAPER)
    pen = pen_of.Draw(image)
    scale = _Scale(sound.start, sound.seconds)
    began = datetime.fromtimestamp(sound.start).strftime("%Y-%m-%d %H:%M:%S")
    head = f"{_lettered(title, font)}   {began}   {_clock(sound.seconds, sound.seconds)}"
    pen.text((_LEFT, 10), head, fill=_INK, font=font)
    _pauses(pen, scale, marks)
    _grid(pen, scale, font)
    for side, (name, colour) in enumerate(_SIDES):
        top = _TOP + side * (_LANE + _GAP)
        pen.text((_LEFT - 12, top + _LANE / 2), name, fill=colour, font=font, anchor="rm")
        _wave(pen, scale, sound.peaks(side), sound.peak_s, colour, top)
    _marks(pen, scale, marks, font)
    image.save(out, format="PNG", optimize=True)


def _pauses(pen: Any, scale: _Scale, marks: Sequence[Mark]) -> None:
    for mark in marks:
        if mark.until is not None:
            pen.rectangle((scale.x(mark.time), _TOP, scale.x(mark.until), _TOP + 2 * _LANE + _GAP), fill=_PAUSE)


def _grid(pen: Any, scale: _Scale, font: Any) -> None:
    """Lines at round times, so many as can be read."""
    step = next((step for step in _STEPS_S if scale.seconds / step <= 14), _STEPS_S[-1])
    bottom = _TOP + 2 * _LANE + _GAP
    for number in range(int(scale.seconds // step) + 1):
        x = scale.x(scale.start + number * step)
        pen.line((x, _TOP, x, bottom), fill=_GRID)
        text = _clock(number * step, scale.seconds)
        pen.text((x, bottom + 8), text, fill=_FAINT, font=font, anchor="ma")


def _wave(pen: Any, scale: _Scale, peaks: Sequence[tuple[int, int]], peak_s: float, colour: str, top: int) -> None:
    middle, half = top + _LANE / 2, _LANE / 2 - 2
    pen.line((_LEFT, middle, _LEFT + COLUMNS, middle), fill=_GRID)
    for number, (low, high) in enumerate(peaks):
        if low or high:
            x = scale.x(scale.start + number * peak_s)
            pen.line((x, middle - high / 32_768 * half, x, middle - low / 32_768 * half), fill=colour)


def _marks(pen: Any, scale: _Scale, marks: Sequence[Mark], font: Any) -> None:
    """Lines with words above, in as many rows as keeps them apart; what finds no room has its line alone."""
    free = [0.0] * _ROWS
    for mark in sorted(marks):
        x, text = scale.x(mark.time), _lettered(mark.text, font)
        width = pen.textlength(text, font=font)
        left = max(_LEFT, min(x, _LEFT + COLUMNS - width - 8))
        row = next((row for row in range(_ROWS) if free[row] <= left), None)
        top = _TOP
        if row is not None:
            top = _TOP - _ROW_PX * (_ROWS - row)
            pen.text((left + 4, top - 2), text, fill=_MARK, font=font)
            free[row] = left + width + 12
        pen.line((x, top, x, _TOP + 2 * _LANE + _GAP), fill=_MARK)


def _font_for(text: str) -> Any:
    """The font that comes with Pillow, which has ASCII; for more the one of this machine that has the most of it."""
    fonts: Any = import_module("PIL.ImageFont")
    plain = fonts.load_default(_FONT_PX)
    others = {char for char in text if not char.isascii()}
    if not others:
        return plain
    found = [plain]
    for name in _FONTS:
        with suppress(OSError):
            found.append(fonts.truetype(name, _FONT_PX))
    return max(found, key=lambda font: sum(_has(font, char) for char in others))


def _has(font: Any, char: str) -> bool:
    """What a font lacks it draws as it draws what is no character."""
    lacking, drawn = ((font.getbbox(one), font.getlength(one)) for one in ("\U0010ffff", char))
    return bool(lacking != drawn)


def _lettered(text: str, font: Any) -> str:
    return "".join(char if char.isascii() or _has(font, char) else "?" for char in text)


def _clock(seconds: float, longest: float) -> str:
    """0:05, or 1:00:05 where hours are needed."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if longest < 3600:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
