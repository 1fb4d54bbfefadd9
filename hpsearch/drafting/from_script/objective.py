"""The objective of a first space file: how to call the script, and where to read its measurements."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from hpsearch.drafting.from_script.findings import Findings
from hpsearch.drafting.from_script.measurements import Measurements
from hpsearch.drafting.from_script.parameters import spelled_as
from hpsearch.drafting.from_script.setting import Setting
from hpsearch.drafting.roles import tokens
from hpsearch.drafting.space_file import (
    DEFAULT_EPOCHS,
    FILL_IN,
    Block,
    CommandText,
    Comment,
    Entry,
    Line,
    how_to_measure,
    literal,
)

_OWN = ("{epochs}", "{seed}", "{trial_dir}")
LIGHTNING_LOGGER = (
    "--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", "{trial_dir}",
    "--trainer.logger.version", "version_0",
)  # fmt: skip
"""Options of Lightning's command line that let it keep a CSV log in the trial's folder."""

_LIGHTNING = (
    "fit", "--config", "{config_file}", "--seed_everything", "{seed}", "--trainer.max_epochs", "{epochs}",
    "--trainer.default_root_dir", "{trial_dir}", *LIGHTNING_LOGGER,
)  # fmt: skip


def objective(findings: Findings, folder: Path) -> tuple[Line, ...]:
    """Return the section `objective`.

    Args:
        folder: Where the space file will lie.
    """
    lines: list[Line] = [
        _epochs(findings),
        Entry("cwd", _relative(Path(), folder)),
        Entry("command", CommandText(tuple(_command(findings)))),
    ]
    if findings.measured.workdir:
        lines.append(Entry("workdir", "trial", "CHECK: the script writes its log where it runs"))
    if findings.script is None:
        lines.append(Comment("CHECK: put the script's name above, or run `hpsearch init` again with --script"))
    lines.append(Comment("interpreter: .venv  # the Python of the script, if it is another one than hpsearch's"))
    lines += _resume(findings)
    if findings.way in ("lightning", "plain"):
        lines.append(_config_file(findings, folder))
    return (*lines, *_metrics(findings.measured))


def _epochs(findings: Findings) -> Entry:
    setting, default = findings.epochs_setting, findings.default_epochs
    if setting is None:
        comment = "CHECK: no setting for them was found; how many are needed?"
    elif default is None:
        comment = f"CHECK: {setting.shown} has no default that can be read"
    else:
        steps = findings.sorted.steps
        first = " and the one before the first step" if steps.both_ends else ""
        comment = (
            f"{setting.number or 0:g} / {steps.each}, the defaults{first}"
            if steps.each
            else f"the default of {setting.shown}"
        )
    return Entry("epochs", default or DEFAULT_EPOCHS, comment)


def _command(findings: Findings) -> list[tuple[str, ...]]:
    """Return the words of the command, which runs in the working directory."""
    script = f"{FILL_IN}.py" if findings.script is None else _relative(findings.script, Path())
    groups: list[tuple[str, ...]] = [("python",), (literal(script),)]
    spelled = findings.sorted.spelled
    if findings.way == "args":
        groups += _of_options(findings)
    elif findings.way == "hydra":
        groups += [(f"{setting.name}={text}",) for setting, text in spelled]
        groups += [("{overrides}",), ("hydra.run.dir={trial_dir}",)]
    elif findings.way == "lightning":
        groups += [(word,) for word in _LIGHTNING]
    else:
        groups.append((*findings.words, "{config_file}"))
    return groups


def _of_options(findings: Findings) -> list[tuple[str, ...]]:
    """Return the options of the command. Those of the main parser stand before the name of a subcommand."""
    spelled, words = findings.sorted.spelled, findings.words
    named = {setting.name for setting, _ in spelled}
    has_subcommand = any(setting.command for setting, _ in spelled)
    before = [(setting, text) for setting, text in spelled if has_subcommand and not setting.command]
    after = [pair for pair in spelled if pair not in before]
    groups = [*_groups(before), *((literal(word),) for word in words), *_groups(after)]
    rest = [("{args}",)] if any(name not in named for name in findings.sorted.names) else []
    return [*groups, *rest, *((word,) for word in findings.ends)]


def _groups(spelled: list[tuple[Setting, str]]) -> list[tuple[str, ...]]:
    groups: list[tuple[str, ...]] = []
    last = ""
    for setting, text in spelled:
        # Several values of one option follow its name.
        groups.append((text,) if setting.name == last else spelled_as(setting, text))
        last = setting.name
    return groups


def _resume(findings: Findings) -> tuple[Line, ...]:
    """Return the line that lets a trial go on: a comment, unless it is known which file the script writes."""
    setting = findings.sorted.resume
    if setting is None:
        return ()
    is_hydra = findings.way == "hydra"
    name = setting.name if is_hydra else setting.flag or setting.name
    equals = is_hydra or setting.joined
    gets_folder = findings.way == "lightning" or any("{trial_dir}" in text for _, text in findings.sorted.spelled)
    if findings.weights and gets_folder:
        place = f"{{resume_from}}/{literal(findings.weights)}"
        words = (f"{name}={place}",) if equals else (name, place)
        return (Entry("resume", " ".join(words), "CHECK: the script's newest checkpoint"),)
    option = f"{name}={{resume_from}}" if equals else f"{name} {{resume_from}}"
    if gets_folder and ({"dir", "folder", "directory"} & set(tokens(setting.name))):
        return (Entry("resume", option, "CHECK: the folder of an earlier attempt"),)
    return (Comment(f"resume: {option}  # the folder of an earlier attempt; add the name of the file"),)


def _config_file(findings: Findings, folder: Path) -> Entry:
    places = {name: name for name in findings.sorted.names if "." in name}
    if findings.way == "plain":
        places |= {text[1:-1]: setting.name for setting, text in findings.sorted.spelled if text in _OWN}
    entries = [Entry("template", _relative(findings.source, folder))]
    if places:
        entries.append(Entry("map", Block(tuple(Entry(name, place) for name, place in places.items()))))
    return Entry("config_file", Block(tuple(entries)))


def _metrics(measured: Measurements) -> tuple[Line, ...]:
    if measured.way == "json":
        lines = Comment(f"measurements are lines of JSON on standard output with {measured.metric}")
        first = Entry("metrics", Block((Entry("first_epoch", 0, "the script counts epochs from 0"),)))
        return (lines,) if measured.first_epoch else (lines, first)
    if not measured.way:
        problem = "CHECK: no measurements were found in the script. Let it print a line of JSON"
        return how_to_measure(problem, measured.metric)
    entries = [Entry(measured.way, measured.place, "CHECK")]
    if measured.first_epoch == 0:
        entries.append(Entry("first_epoch", 0))
    return (Entry("metrics", Block(tuple(entries))),)


def _relative(path: Path, folder: Path) -> str:
    return PurePath(os.path.relpath(path, folder)).as_posix()
