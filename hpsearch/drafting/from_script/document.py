"""The text of a first space file, with a comment beside each guess."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

from hpsearch.drafting.from_script.layout import aligned, argument, command_lines, printable, scalar
from hpsearch.drafting.from_script.measurements import Measurements
from hpsearch.drafting.from_script.parameters import FILL_IN, Sorted
from hpsearch.drafting.from_script.setting import Setting

_OWN = ("{epochs}", "{seed}", "{trial_dir}")
_EPOCHS = 20  # where no default says how many
_MOST_EPOCHS = 2**31


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What a space file is made from.

    Attributes:
        source: The script or config that was read.
        script: The script that the command runs; None if it is not known.
        way: How the command is given its values: as options, Hydra's overrides, or a config file.
        folder: Where the file will lie.
        notes: What could not be read.
    """

    source: Path
    script: Path | None
    way: Literal["args", "hydra", "lightning", "plain"]
    sorted: Sorted
    measured: Measurements
    study: str = "study"
    folder: Path = field(default_factory=Path)
    notes: tuple[str, ...] = ()


def checks(draft: Draft) -> list[str]:
    """Return what the user should look at, beyond the space."""
    found = [f"the metric, {draft.measured.metric}, and its direction"]
    if not draft.measured.way:
        found.append(f"the script's output: each epoch needs a line of JSON with {draft.measured.metric}")
    elif draft.measured.way != "json":
        found.append("where measurements are read: metrics")
    if draft.script is None:
        found.append("the command: which script is it?")
    setting = _epochs_setting(draft)
    if setting is None:
        found.append("epochs: no setting for them was found")
    elif _default_epochs(setting) is None:
        found.append(f"epochs: {setting.flag or setting.name} has no default that can be read")
    if not _has_seed(draft):
        found.append("the seed: no setting for it was found")
    return found


def document(draft: Draft) -> str:
    """Return the text of the space file."""
    measured = draft.measured
    guess = "CHECK: found in the script" if measured.known else "CHECK: not found in the script; what does it report?"
    lines = [
        f"# A first space file for {printable(draft.source.name)}. Lines with CHECK are guesses.",
        *(f"# Note: {printable(note)}" for note in draft.notes),
        f"study: {scalar(draft.study) if not draft.study[0].isdigit() else repr(draft.study)}",
        *aligned([(f"metric: {scalar(measured.metric)}", guess), (f"direction: {measured.direction}", "CHECK")], ""),
        "objective:",
        *_objective(draft),
        "space:",
        *aligned(draft.sorted.rows),
    ]
    if draft.way != "args":
        lines.append(f"  # everything else stays as {printable(draft.source.name)} has it")
    lines += ["search:    {trials: 48}", "finalists: {configs: 3, seeds: 5}"]
    if not _has_seed(draft):
        lines.append("# CHECK: no seed was found; without one the finalists' seeds make no difference")
    return "\n".join(lines) + "\n"


def _objective(draft: Draft) -> list[str]:
    setting = _epochs_setting(draft)
    default = None if setting is None else _default_epochs(setting)
    if setting is None:
        note = "CHECK: no setting for them was found; how many does it train?"
    else:
        shown = setting.flag or setting.name
        note = f"the default of {shown}" if default else f"CHECK: {shown} has no default that can be read"
    lines = aligned([(f"epochs: {default or _EPOCHS}", note)])
    lines += [f"  cwd: {scalar(_relative(Path(), draft.folder))}", "  command: |", *command_lines(_command(draft))]
    if draft.script is None:
        lines.append("  # CHECK: name the script above, or run `hpsearch init` again with --script")
    lines.append("  # interpreter: .venv  # the Python of the script, if it is another one than hpsearch's")
    resume = draft.sorted.resume
    if resume is not None:
        name = printable(resume.name if draft.way == "hydra" else resume.flag or resume.name)
        option = f"{name}={{resume_from}}" if draft.way == "hydra" else f"{name} {{resume_from}}"
        lines.append(f"  # resume: {option}  # an earlier attempt's folder: add the file")
    if draft.way in ("lightning", "plain"):
        lines += _config_file(draft)
    return lines + _metrics(draft.measured)


def _command(draft: Draft) -> list[str]:
    # The command runs in the working directory.
    script = FILL_IN + ".py" if draft.script is None else _relative(draft.script, Path())
    parts = ["python", argument(script)]
    if draft.way == "args":
        parts += [_spelled(setting, text) for setting, text in draft.sorted.spelled]
        parts += ["{args}"] if _has_args(draft.sorted) else []
    elif draft.way == "hydra":
        parts += [f"{setting.name}={text}" for setting, text in draft.sorted.spelled]
        parts += ["{overrides}", "hydra.run.dir={trial_dir}"]
    elif draft.way == "lightning":
        parts += ["fit", "--config", "{config_file}", "--seed_everything", "{seed}", "--trainer.max_epochs", "{epochs}"]
        parts += ["--trainer.default_root_dir", "{trial_dir}", "--trainer.logger", "CSVLogger"]
        parts += ["--trainer.logger.save_dir", "{trial_dir}", "--trainer.logger.version", "version_0"]
    else:
        parts += ["{config_file}"]
    return parts


def _spelled(setting: Setting, text: str) -> str:
    if setting.positional:
        return text
    # argparse takes -1e-3 for an option of its own.
    negative = text.startswith("-") or (setting.number or 0) < 0
    return f"{setting.flag}={text}" if negative else f"{setting.flag} {text}"


def _has_args(found: Sorted) -> bool:
    spelled = {setting.name for setting, _ in found.spelled}
    return any(name not in spelled for name in (*found.searched, *found.constants))


def _config_file(draft: Draft) -> list[str]:
    names = [name for name in (*draft.sorted.searched, *draft.sorted.constants) if "." in name]
    places = {name: name for name in names}
    if draft.way == "plain":
        places |= {text[1:-1]: setting.name for setting, text in draft.sorted.spelled if text in _OWN}
    lines = ["  config_file:", f"    template: {scalar(_relative(draft.source, draft.folder))}"]
    if places:
        lines += ["    map:", *(f"      {scalar(name)}: {scalar(place)}" for name, place in places.items())]
    return lines


def _metrics(measured: Measurements) -> list[str]:
    if measured.way == "json":
        return [f"  # measurements are lines of JSON on standard output with {printable(measured.metric)}"]
    if measured.way:
        lines = ["  metrics:", f"    {measured.way}: {_quoted(measured.place)}  # CHECK"]
        return [*lines, *(["    first_epoch: 0"] if measured.first_epoch == 0 else [])]
    return [
        "  # CHECK: no measurements were found in the script. Let it print a line of JSON after each epoch:",
        f'  #   print(json.dumps({{"epoch": epoch, "{printable(measured.metric)}": value}}), flush=True)',
        "  # or say where its log is: metrics: {regex: ...}, {csv: ...} or {tensorboard: ...}",
    ]


def _epochs_setting(draft: Draft) -> Setting | None:
    return next((setting for setting, text in draft.sorted.spelled if text == "{epochs}"), None)


def _default_epochs(setting: Setting) -> int | None:
    known = setting.number is not None and 1 <= setting.number < _MOST_EPOCHS
    return int(setting.number) if known and setting.number is not None else None


def _has_seed(draft: Draft) -> bool:
    # Lightning's command line always takes one.
    return draft.way == "lightning" or any(text == "{seed}" for _, text in draft.sorted.spelled)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _relative(path: Path, folder: Path) -> str:
    return PurePath(os.path.relpath(path, folder)).as_posix()
