"""Draws sampling.svg, and prints the table below it: `python docs/make_pictures.py`. A test fails if they are stale.

Each panel has hpsearch's first 36 configs with seed 0. The plain grid is the jittered grid without jitter. The table
has means over several seeds.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.samplers import JitteredGridSampler, RandomSampler, SobolSampler, SpaceSampler

TARGET = Path(__file__).with_name("sampling.svg")

TRIALS, LEVELS = 36, 6
SEEDS = 40  # of the table
LR, DECAY = (-4, -1), (-6, -2)  # powers of ten
_SPACE = {
    "lr": {"loguniform": [10.0 ** LR[0], 10.0 ** LR[1]]},
    "weight_decay": {"loguniform": [10.0 ** DECAY[0], 10.0 ** DECAY[1]]},
}

_SIDE, _LEFT, _TOP, _PITCH = 258, 82, 62, 304  # of the panels, in pixels
_STRIP_TOP, _STRIP_HEIGHT = _TOP + _SIDE + 64, 30
_WIDTH, _HEIGHT = _LEFT + 2 * _PITCH + _SIDE + 26, _STRIP_TOP + _STRIP_HEIGHT + 64
_INK, _FAINT, _CELLS, _EMPTY = "#24292f", "#57606a", "#d8dee4", "#f0f2f5"
_BACKGROUND = "#ffffff"  # or dark viewers would show dark ink on dark


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Configs of one sampler.

    Attributes:
        points: Logarithms to base 10 of learning rate and weight decay.
    """

    title: str
    colour: str
    points: Sequence[tuple[float, float]]

    @property
    def values(self) -> int:
        """The number of different learning rates."""
        return len({f"{lr:.9f}" for lr, _ in self.points})

    @property
    def gap(self) -> float:
        """The largest factor between neighbouring learning rates, with the ends of the range among them."""
        found = sorted([*LR, *(lr for lr, _ in self.points)])
        return float(10 ** max(after - before for before, after in itertools.pairwise(found)))

    @property
    def empty(self) -> list[tuple[int, int]]:
        """The cells of the grid without a point, as levels of learning rate and weight decay."""
        taken = {(_level(lr, LR), _level(decay, DECAY)) for lr, decay in self.points}
        return [(one, other) for one in range(LEVELS) for other in range(LEVELS) if (one, other) not in taken]


def _level(exponent: float, ends: tuple[int, int]) -> int:
    return min(int((exponent - ends[0]) / (ends[1] - ends[0]) * LEVELS), LEVELS - 1)


def _grid(seed: int, jitter: float) -> SpaceSampler:
    levels = dict.fromkeys(_SPACE, LEVELS)
    return JitteredGridSampler.from_dict(_SPACE, seed=seed, trials=TRIALS, levels=levels, jitter=jitter)


_SAMPLERS: dict[str, Callable[[int], SpaceSampler]] = {
    "Plain grid": lambda seed: _grid(seed, 0.0),
    "Random": lambda seed: RandomSampler.from_dict(_SPACE, seed=seed),
    "Jittered grid": lambda seed: _grid(seed, 1.0),
    "Sobol": lambda seed: SobolSampler.from_dict(_SPACE, seed=seed),
}
_COLOURS = {"Plain grid": "#b3261e", "Random": "#8250df", "Jittered grid": "#0969da"}


def _panel_of(title: str, seed: int) -> Panel:
    return Panel(title=title, colour=_COLOURS.get(title, ""), points=_points(_SAMPLERS[title](seed)))


def table() -> str:
    """Return the page's table: means over several seeds for each sampler."""
    lines = [
        "| configs | different lr | largest factor between neighbours | empty cells |",
        "| --- | --- | --- | --- |",
    ]
    for title in _SAMPLERS:
        drawn = [_panel_of(title, seed) for seed in range(SEEDS)]
        values, gap, empty = (
            statistics.mean(figures)
            for figures in zip(*((one.values, one.gap, len(one.empty)) for one in drawn), strict=True)
        )
        lines.append(f"| {title.lower()} | {values:g} | {gap:.1f} | {empty:.0f} |")
    return "\n".join(lines)


def _points(sampler: SpaceSampler) -> list[tuple[float, float]]:
    configs = [sampler.draw(number) for number in range(TRIALS)]
    return [(math.log10(config["lr"]), math.log10(config["weight_decay"])) for config in configs]


def picture() -> str:
    """Return the whole picture as SVG."""
    drawn = [_panel_of(title, 0) for title in _COLOURS]
    alternative = "; ".join(f"{one.title.lower()}: {in_words(one)}" for one in drawn)
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="13"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} role="img">',
        f"<title>{TRIALS} configs of three samplers. {alternative}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="{_BACKGROUND}"/>',
    ]
    for position, one in enumerate(drawn):
        parts += _panel(one, _LEFT + position * _PITCH, is_first=position == 0)
    return "\n".join([*parts, "</svg>", ""])


def in_words(panel: Panel) -> str:
    """Return a panel in words, for readers who can't see it."""
    return (
        f"{panel.values} different learning rates, no two neighbours more than a factor of {panel.gap:.1f} apart, "
        f"{len(panel.empty)} of {LEVELS**2} cells empty"
    )


def _panel(panel: Panel, left: float, *, is_first: bool) -> list[str]:
    across, down = _scale(LR, left, left + _SIDE), _scale(DECAY, _TOP + _SIDE, _TOP)
    middle, shaded = left + _SIDE / 2, " (shaded)" if panel.empty else ""
    parts = [
        _text(middle, _TOP - 34, panel.title, size=17, weight="bold"),
        _text(middle, _TOP - 14, f"{len(panel.empty)} of {LEVELS**2} cells empty{shaded}", colour=_FAINT),
        *_cells(panel, left),
        *_ticks_across(across, _TOP + _SIDE),
        *_ticks_down(down, left, labelled=is_first),
        f'<rect x="{left}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="{_INK}"/>',
    ]
    if is_first:
        parts.append(_upright(left - 56, _TOP + _SIDE / 2, "weight decay"))
        parts.append(_upright(left - 56, _STRIP_TOP + _STRIP_HEIGHT / 2, "lr only"))
    parts += [
        f'<circle cx="{across(lr):.1f}" cy="{down(decay):.1f}" r="4" fill="{panel.colour}" fill-opacity="0.85"/>'
        for lr, decay in panel.points
    ]
    parts.append(_text(middle, _TOP + _SIDE + 40, "learning rate"))
    return [*parts, *_strip(panel, left, across)]


def _strip(panel: Panel, left: float, across: Callable[[float], float]) -> list[str]:
    """Return the projection onto the learning rate: a line for each value."""
    bottom = _STRIP_TOP + _STRIP_HEIGHT
    lines = "".join(f"M{x} {_STRIP_TOP}V{bottom}" for x in sorted({f"{across(lr):.1f}" for lr, _ in panel.points}))
    return [
        f'<rect x="{left}" y="{_STRIP_TOP}" width="{_SIDE}" height="{_STRIP_HEIGHT}" fill="{_EMPTY}"/>',
        f'<path d="{lines}" stroke="{panel.colour}" stroke-width="1.6"/>',
        _text(left + _SIDE / 2, bottom + 24, f"{panel.values} learning rates tried", weight="bold"),
        _text(left + _SIDE / 2, bottom + 44, f"largest gap: a factor of {panel.gap:.1f}", colour=_FAINT),
    ]


def _scale(ends: tuple[int, int], start: float, stop: float) -> Callable[[float], float]:
    return lambda exponent: start + (stop - start) * (exponent - ends[0]) / (ends[1] - ends[0])


def _cells(panel: Panel, left: float) -> list[str]:
    """Return the lines between the cells, with a shade on empty cells."""
    cell = _SIDE / LEVELS
    shades = "".join(
        f"M{left + column * cell:g} {_TOP + (LEVELS - 1 - row) * cell:g}h{cell:g}v{cell:g}h-{cell:g}z"
        for column, row in panel.empty
    )
    inner = [step * cell for step in range(1, LEVELS)]
    lines = "".join(f"M{left + at:g} {_TOP}v{_SIDE}M{left} {_TOP + at:g}h{_SIDE}" for at in inner)
    shaded = [f'<path d="{shades}" fill="#e7dff5"/>'] if shades else []
    return [*shaded, f'<path d="{lines}" stroke="{_CELLS}"/>']


def _ticks_across(across: Callable[[float], float], bottom: float) -> list[str]:
    small = "".join(f"M{across(at):.1f} {bottom}v4" for at in _between(LR))
    large = "".join(f"M{across(at):.1f} {bottom}v8" for at in range(LR[0], LR[1] + 1))
    labels = [_power(across(at), bottom + 22, at, anchor="middle") for at in range(LR[0], LR[1] + 1)]
    return [f'<path d="{small}{large}" stroke="{_INK}"/>', *labels]


def _ticks_down(down: Callable[[float], float], left: float, *, labelled: bool) -> list[str]:
    small = "".join(f"M{left} {down(at):.1f}h-4" for at in _between(DECAY))
    large = "".join(f"M{left} {down(at):.1f}h-8" for at in range(DECAY[0], DECAY[1] + 1))
    labels = [_power(left - 12, down(at) + 5, at, anchor="end") for at in range(DECAY[0], DECAY[1] + 1)]
    return [f'<path d="{small}{large}" stroke="{_INK}"/>', *(labels if labelled else [])]


def _between(ends: tuple[int, int]) -> list[float]:
    """Return the places of 2 to 9 times each power of ten."""
    return [power + math.log10(digit) for power in range(*ends) for digit in range(2, 10)]


def _power(x: float, y: float, exponent: int, *, anchor: str) -> str:
    sign = "\N{MINUS SIGN}" if exponent < 0 else ""
    raised = f'<tspan dy="-5" font-size="10">{sign}{abs(exponent)}</tspan>'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{_INK}">10{raised}</text>'


def _text(x: float, y: float, text: str, *, size: int = 13, weight: str = "normal", colour: str = _INK) -> str:
    style = f'font-size="{size}" font-weight="{weight}" fill="{colour}"'
    return f'<text x="{x:g}" y="{y:g}" text-anchor="middle" {style}>{text}</text>'


def _upright(x: float, y: float, text: str) -> str:
    return f'<text transform="translate({x:g} {y:g}) rotate(-90)" text-anchor="middle" fill="{_INK}">{text}</text>'


if __name__ == "__main__":
    TARGET.write_text(picture(), encoding="utf-8")
    sys.stdout.write(f"{table()}\n")
