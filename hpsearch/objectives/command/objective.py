"""The user's command as an objective: split as a shell would, then filled in, and run without a shell.

It keeps its own files in the trial's folder; after a lost worker it starts again, and `HPSEARCH_RESUME` and
`{resume_from}` name the folder of the attempt to go on from.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from hpsearch.config.objectives import Command
from hpsearch.errors import ObjectiveError
from hpsearch.objectives.base import Inside, Metrics, Trial, inside
from hpsearch.objectives.command.config import CONFIG_FILE, write_config_file
from hpsearch.objectives.command.line import check_command, command_line, interpreter_of
from hpsearch.objectives.command.metrics import Row, Source, source_of
from hpsearch.objectives.command.process import RunningCommand, kept_lines
from hpsearch.trial.folder import LOG, MANIFEST, PRINTED
from hpsearch.trial.trial import Config

__all__ = ["CommandObjective", "check_command", "command_line"]


class CommandObjective:
    """Trains by running the command of a space file; it can't predict, so there is no ensemble."""

    can_predict = False

    def __init__(self, settings: Command) -> None:
        self._settings = settings

    def setup(self, device: str) -> None:
        """Do nothing: the command gets its GPU by `CUDA_VISIBLE_DEVICES`, which it inherits from the worker."""

    def train(self, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
        """Yield metrics as the command prints them; closing the generator ends all its processes.

        The last epoch's are held back until the command has ended: a worker ends a trial when it has them, and the
        command may still have a model to write. One that goes on with a further epoch is ended.

        Raises:
            ObjectiveError: It can't be started, ended with an error, or printed no measurement, or its epochs don't
                increase.
        """
        seen = inside(trial)
        resume = self._resume_folder(seen)
        arguments = self._prepare(config, trial, resume)
        source = source_of(self._settings.metrics, seen.metric, trial.dir, self._settings.cwd)
        environment = _environment(trial, resume, self._settings.interpreter)
        measured, held = False, None
        kept = None if source.polls else trial.dir / PRINTED
        with RunningCommand(arguments, self._settings.cwd, environment, trial.log, source, kept) as running:
            for epoch, metrics in _measurements(running, source):
                if held is not None:
                    trial.log.warning("the command is ended: it trains on after its last epoch, %d", seen.total_epochs)
                    break
                if not measured:
                    yield from self._unheard(seen, epoch - 1)
                seen.at_epoch(epoch)
                measured = True
                if epoch < seen.total_epochs:
                    yield metrics
                else:
                    held = metrics
            else:
                running.check()
        if held is not None:
            yield held
        if not measured:
            # One that was killed after its last epoch resumes, finds nothing left to do, and prints nothing.
            adopted = resume is not None and seen.adopt(seen.total_epochs)
            if resume is not None:
                yield from self._unheard(seen, seen.total_epochs)
            if not adopted and not seen.epoch():
                msg = f"the command ended without {source.expected}"
                raise ObjectiveError(msg)

    def _resume_folder(self, seen: Inside) -> Path | None:
        """Return the newest earlier attempt in which the command left files; one killed before has none to go on from.

        Those that measured something come first: another may have begun a log, and was killed before its checkpoint.
        """
        left = [folder for folder in seen.earlier if folder.is_dir() and any(map(_is_the_commands, folder.iterdir()))]
        measured = (one for one in left if (one / MANIFEST).exists() or self._printed(one, seen.metric))
        return next(measured, left[0] if left else None)

    def _unheard(self, seen: Inside, up_to_epoch: int) -> Iterator[Metrics]:
        """Take over the epochs of earlier attempts, and yield what these printed, or logged, and no worker heard.

        A command does not wait: when its worker is killed, its own checkpoint may be ahead of what was committed.
        """
        known = seen.adopt(up_to_epoch)
        found: dict[int, Metrics] = {}
        for folder in reversed(seen.earlier):
            found |= self._printed(folder, seen.metric)
        for epoch in range(known + 1, up_to_epoch + 1):
            if epoch in found:
                seen.at_epoch(epoch)
                yield found[epoch]

    def _printed(self, folder: Path, metric: str) -> dict[int, Metrics]:
        """Return all that an earlier attempt measured, by epoch."""
        source = source_of(self._settings.metrics, metric, folder, self._settings.cwd)
        found: dict[int, Metrics] = {}
        with suppress(OSError, ObjectiveError):
            for line in [None] if source.polls else kept_lines(folder / PRINTED):
                if line is None or source.wants(line):
                    found |= source.rows(line)
        return found

    def _prepare(self, config: Config, trial: Trial, resume: Path | None) -> list[str]:
        """Write the attempt's config file, if it has one, and return the program and its arguments."""
        seen = inside(trial)
        if self._settings.config_file is not None:
            own = {
                "seed": trial.seed,
                "epochs": seen.total_epochs,
                "trial_dir": str(trial.dir),
                "number": trial.number,
                "resume_from": None if resume is None else str(resume),
            }
            write_config_file(self._settings.config_file, trial.dir, config, own)
        return command_line(
            self._settings,
            config,
            trial.seed,
            epochs=seen.total_epochs,
            trial_dir=trial.dir,
            number=trial.number,
            resume_from=resume,
        )

    def predict(self, checkpoint: Any, split: str) -> NoReturn:
        """Refuse: hpsearch has no way to ask a command for predictions.

        Raises:
            ObjectiveError: Always.
        """
        del checkpoint, split  # of no use here
        msg = "a command can't predict"
        raise ObjectiveError(msg)


def _measurements(running: RunningCommand, source: Source) -> Iterator[Row]:
    for line in running.output():
        yield from source.rows(line)


def _is_the_commands(path: Path) -> bool:
    return path.name not in (LOG, MANIFEST) and path.name[0] != "." and path.stem != CONFIG_FILE


def _environment(trial: Trial, resume: Path | None, interpreter: str | None) -> dict[str, str]:
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "HPSEARCH_TRIAL_DIR": str(trial.dir),
        "HPSEARCH_SEED": str(trial.seed),
        "HPSEARCH_RESUME": str(resume),
    }
    if resume is None:
        del environment["HPSEARCH_RESUME"]
    if interpreter is not None:
        programs = interpreter_of(interpreter).parent
        environment["PATH"] = os.pathsep.join(filter(None, (str(programs), os.environ.get("PATH"))))
        environment.pop("PYTHONHOME", None)
        if (programs.parent / "pyvenv.cfg").is_file():
            environment["VIRTUAL_ENV"] = str(programs.parent)
        else:
            environment.pop("VIRTUAL_ENV", None)
    return environment
