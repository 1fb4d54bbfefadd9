"""The text of a space file made from another tool's, with a comment beside all that differs."""

from __future__ import annotations

import re
import shlex

from hpsearch.drafting.from_script.layout import aligned, command_lines, printable
from hpsearch.drafting.from_tuners.draft import Draft, Setting
from hpsearch.drafting.from_tuners.flow import flow

_LONGEST_REMARK = 60  # characters of a comment beside its line; longer ones stand above it
_SET = "set this"
_UNQUOTED = re.compile(r"[\w@%+=:,./{}-]+", re.ASCII)  # what splitting a command leaves as it is


def document(draft: Draft) -> str:
    """Return the text of the space file."""
    lines = [
        f"# From {printable(draft.origin)}. Lines with `{_SET}` are guesses; the others say what differs.",
        *(f"# Not carried over as it was: {printable(note)}" for note in draft.notes),
        f"study: {flow(draft.study)}",
        *_rows([_row("metric", draft.metric), _row("direction", draft.direction)], ""),
        "objective:",
        *_objective(draft),
        "space:",
        *_space(draft),
    ]
    if draft.search:
        lines += ["search:", *_rows([_row(name, setting) for name, setting in draft.search.items()])]
    lines += [f"# {_SET}: {printable(check)}" for check in draft.checks]
    return "\n".join(lines) + "\n"


def _objective(draft: Draft) -> list[str]:
    lines = _rows([_row("epochs", draft.epochs)])
    if not draft.command:
        return [*lines, *_rows([_row("python", draft.python)])]
    metric = printable(str(draft.metric.value))
    return [
        *lines,
        *_command(draft.command),
        f"  # {_SET}: measurements are not read from W&B. Let the script print a line of JSON after each epoch:",
        f'  #   print(json.dumps({{"epoch": epoch, "{metric}": value}}), flush=True)',
        "  # or say where its log is: metrics: {regex: ...}, {csv: ...} or {tensorboard: ...}",
    ]


def _command(words: list[str]) -> list[str]:
    if not all(word.isprintable() for word in words):
        return [f"  command: {flow(words)}"]
    parts = [word if _UNQUOTED.fullmatch(word) else shlex.quote(word) for word in words]
    return ["  command: |", *command_lines(parts)]


def _space(draft: Draft) -> list[str]:
    carried = draft.carried
    rows = []
    for name, found in draft.found.items():
        remark = "; ".join(text for text in (found.comment, found.note) if text)
        if found.is_lost:
            rows.append(("", f"{flow(name)}: {remark}"))
        else:
            rows.append((f"{flow(name)}: {flow(carried[name])}", remark))
    return _rows(rows)


def _row(name: str, setting: Setting) -> tuple[str, str]:
    remark = "; ".join(text for text in (setting.comment, setting.note and f"{_SET}: {setting.note}") if text)
    return f"{name}: {flow(setting.value)}", remark


def _rows(rows: list[tuple[str, str]], indent: str = "  ") -> list[str]:
    """Return lines of text with their comments beside them, long ones above."""
    split = []
    for text, remark in rows:
        if text and len(remark) > _LONGEST_REMARK:
            split += [("", f"{text.partition(':')[0]}: {remark}"), (text, "")]
        else:
            split.append((text, remark))
    return aligned(split, indent)
