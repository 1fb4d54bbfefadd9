"""Draws schedules.svg: `python docs/make_schedule_picture.py`. A test fails if it is stale.

Each panel has the learning rate of a trial of 20 epochs with 10 steps each, after a warm-up of 2 epochs.
"""

from __future__ import annotations

from pathlib import Path

from hpsearch.vision.schedules import KINDS, Schedule

TARGET = Path(__file__).with_name("schedules.svg")

EPOCHS, STEPS, WARMUP = 20, 10, 2
_COLUMNS, _SIDE, _HEIGHT = 5, 150, 100  # of the panels, in pixels
_LEFT, _TOP, _PITCH, _ROW = 40, 34, 172, 156
_INK, _FAINT, _LINE = "#24292f", "#d8dee4", "#0969da"
_BACKGROUND = "#ffffff"  # or dark viewers would show dark ink on dark


def points(kind: str) -> list[tuple[float, float]]:
    """Return the epochs that are done before each step, and the share of the learning rate at the step."""
    schedule, steps = Schedule(kind=kind), EPOCHS * STEPS
    return [(step / STEPS, schedule.factor(step, steps, WARMUP * STEPS)) for step in range(steps)]


def picture() -> str:
    """Return the whole picture as SVG."""
    rows = -(-len(KINDS) // _COLUMNS)
    width, height = _LEFT + (_COLUMNS - 1) * _PITCH + _SIDE + 20, _TOP + (rows - 1) * _ROW + _HEIGHT + 40
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} role="img">',
        f"<title>The learning rate over {EPOCHS} epochs, as a share of lr, with each schedule</title>",
        f'<rect width="{width}" height="{height}" rx="6" fill="{_BACKGROUND}"/>',
        *(line for place, kind in enumerate(sorted(KINDS)) for line in _panel(kind, *divmod(place, _COLUMNS))),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(kind: str, row: int, column: int) -> list[str]:
    left, top = _LEFT + column * _PITCH, _TOP + row * _ROW
    low = top + _HEIGHT
    drawn = " ".join(f"{left + x / EPOCHS * _SIDE:.1f},{low - y * _HEIGHT:.1f}" for x, y in points(kind))
    warm = f'<rect x="{left}" y="{top}" width="{_SIDE * WARMUP / EPOCHS:g}" height="{_HEIGHT}" fill="{_FAINT}"/>'
    parts = [
        f'<g fill="{_INK}"><text x="{left}" y="{top - 8}" font-weight="bold">{kind}</text>',
        f'<text x="{left}" y="{low + 15}">0</text>',
        f'<text x="{left + _SIDE}" y="{low + 15}" text-anchor="end">{EPOCHS} epochs</text>',
        "</g>",
        warm,
        f'<rect x="{left}" y="{top}" width="{_SIDE}" height="{_HEIGHT}" fill="none" stroke="{_FAINT}"/>',
        f'<polyline points="{drawn}" fill="none" stroke="{_LINE}" stroke-width="1.5"/>',
    ]
    if column == 0:
        ends = f'<text x="{left - 6}" y="{top + 5}">1</text><text x="{left - 6}" y="{low + 4}">0</text>'
        parts.append(f'<g fill="{_INK}" text-anchor="end">{ends}</g>')
    return parts


if __name__ == "__main__":
    TARGET.write_text(picture())
