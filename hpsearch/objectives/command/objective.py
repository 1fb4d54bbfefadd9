"""The user's command as an objective: split as a shell would, then filled in, and run without a shell.

The command keeps its own files in the trial's folder. After a lost worker it starts again; `HPSEARCH_RESUME` and
`{resume_from}` then name the folder of the attempt to go on from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

from hpsearch.errors import ObjectiveError
from hpsearch.objectives.base import TrainsOnly
from hpsearch.objectives.command.config import CONFIG_FILE, write_config_file
from hpsearch.objectives.command.ending import let_end
from hpsearch.objectives.command.epochs import COUNT_ALL
from hpsearch.objectives.command.line import command_line, interpreter_of
from hpsearch.objectives.command.logs import Logs
from hpsearch.objectives.command.metrics import Row, Source, source_of
from hpsearch.objectives.command.near_logs import near_log
from hpsearch.objectives.command.near_misses import near_miss, told
from hpsearch.objectives.command.process import RunningCommand, kept_lines
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.command.workdir import environment_in_folder, in_folder
from hpsearch.objectives.own_values import OwnValues
from hpsearch.text import counted
from hpsearch.trial.folder import LOG, MANIFEST, PRINTED
from hpsearch.trial.handle import Inside, Metrics, Trial, inside
from hpsearch.trial.trial import Config


class CommandObjective(TrainsOnly):
    """Trains by running the command of a space file, which finds its GPU by `CUDA_VISIBLE_DEVICES` of the worker."""

    what = "a command"

    def __init__(self, settings: Command) -> None:
        self._settings = settings

    def train(self, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
        """Yield metrics as the command prints them; closing the generator ends all its processes.

        After the last epoch the command may go on for `exit_grace_s`, for it may still have a model to write. Then it
        is ended, and so is one that trains a further epoch. It has trained all that was asked, so how it ends makes no
        difference any more.

        Raises:
            ObjectiveError: It can't be started, it ended with an error before its last epoch, it printed no
                measurement, or its epochs don't increase.
        """
        seen = inside(trial)
        resume = self._resume_folder(seen)
        arguments = self._prepare(config, trial, resume)
        source = source_of(self._settings.metrics, seen.metric, trial.dir, self._settings.cwd)
        source.notices = seen.said.once
        environment = _environment(trial, resume, self._settings.interpreter)
        arguments, folder, environment = self._moved(arguments, trial, environment)
        measured = False
        kept = None if source.polls else trial.dir / PRINTED
        with RunningCommand(arguments, folder, environment, trial.log, source, kept) as running:
            for epoch, metrics in _measurements(running, source, seen.total_epochs):
                _check_order(epoch, seen, first=not measured)
                if not measured:
                    yield from self._unheard(seen, epoch - 1)
                seen.at_epoch(epoch)
                measured = True
                yield metrics
                if epoch >= seen.total_epochs:
                    let_end(running, source, trial, self._settings.exit_grace_s)
                    break
            else:
                running.check()
        if not measured:
            yield from self._earlier(seen, resume, lambda: self._nothing(seen.metric, source, trial, running.last))
        elif seen.epoch() < seen.total_epochs:
            seen.said.of_end.append(f"the command ended by itself after epoch {seen.epoch()} of {seen.total_epochs}")

    def _nothing(self, metric: str, source: Source, trial: Trial, last: tuple[str, ...]) -> str:
        """Return the error of a command that measured nothing, with what came nearest to a measurement."""
        near = None
        if isinstance(source, Logs):
            near = near_log(source, metric, trial.dir)
        else:
            with suppress(OSError):
                near = near_miss(kept_lines(trial.dir / PRINTED), metric, self._settings.metrics)
        in_line, below = told(near, last)
        return f"the command ended without {source.expected}{in_line}{below}"

    def _earlier(self, seen: Inside, resume: Path | None, problem: Callable[[], str]) -> Iterator[Metrics]:
        """Take over all epochs of earlier attempts, for a command that measured nothing.

        One that was killed after its last epoch resumes, finds nothing left to do, and prints nothing.

        Args:
            problem: Returns what is wrong if there are none.

        Raises:
            ObjectiveError: There are none.
        """
        adopted = resume is not None and seen.adopt(seen.total_epochs)
        if resume is not None:
            yield from self._unheard(seen, seen.total_epochs)
        if not adopted and not seen.epoch():
            raise ObjectiveError(problem())

    def _resume_folder(self, seen: Inside) -> Path | None:
        """Return the newest earlier attempt in which the command left files.

        Attempts that measured something come first: others may have a log, and no checkpoint yet.
        """
        left = [folder for folder in seen.earlier if folder.is_dir() and any(map(_is_the_commands, folder.iterdir()))]
        measured = (one for one in left if (one / MANIFEST).exists() or self._printed(one, seen.metric))
        return next(measured, left[0] if left else None)

    def _unheard(self, seen: Inside, up_to_epoch: int) -> Iterator[Metrics]:
        """Take over the epochs of earlier attempts, and yield measurements of these that no worker has committed.

        A command does not wait for its worker: when that is killed, the command's own checkpoint may be ahead.
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
        """Return the metrics of an earlier attempt, by epoch, from its output or its log."""
        source = source_of(self._settings.metrics, metric, folder, self._settings.cwd)
        found: dict[int, Metrics] = {}
        with suppress(OSError, ObjectiveError):
            for line in [None] if source.polls else kept_lines(folder / PRINTED):
                if line is None or source.wants(line):
                    found |= source.rows(line)
        return found

    def _moved(
        self, arguments: list[str], trial: Trial, environment: dict[str, str]
    ) -> tuple[list[str], str | None, dict[str, str]]:
        """Return arguments, working directory and environment for the folder that the command runs in."""
        if self._settings.workdir is None:
            return arguments, self._settings.cwd, environment
        base, folder = Path(self._settings.cwd or "").absolute(), trial.dir.absolute()
        return (
            in_folder(arguments, base),
            str(folder),
            environment_in_folder(environment, arguments, base, folder),
        )

    def _prepare(self, config: Config, trial: Trial, resume: Path | None) -> list[str]:
        """Write the attempt's config file, if it has one, and return the program and its arguments."""
        own = OwnValues(
            seed=trial.seed,
            epochs=inside(trial).total_epochs,
            trial_dir=str(trial.dir),
            number=trial.number,
            resume_from=None if resume is None else str(resume),
            gpus=_visible_gpus(),
        )
        if self._settings.config_file is not None:
            write_config_file(self._settings.config_file, config, own)
        return command_line(self._settings, config, own)


def _visible_gpus() -> int:
    """Return the number of GPUs that this worker has; 1 for CPU workers too."""
    return max(1, sum(bool(name.strip()) for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")))


def _measurements(running: RunningCommand, source: Source, epochs: int) -> Iterator[Row]:
    for line in running.output():
        yield from source.rows(line)
    yield from source.left(epochs)


def _check_order(epoch: int, seen: Inside, *, first: bool) -> None:
    """Refuse epochs that are something else, such as steps.

    Raises:
        ObjectiveError: The first one is beyond the trial's last, or one does not come after the one before.
    """
    if first and epoch > seen.total_epochs:
        msg = f"the first measurement is of epoch {epoch}, but a trial has {counted(seen.total_epochs, 'epoch')}"
        raise ObjectiveError(f"{msg}: if that counts steps or anything else, {COUNT_ALL}")
    if not first and epoch <= seen.epoch():
        msg = f"found a measurement of epoch {epoch}, but it came after epoch {seen.epoch()}"
        raise ObjectiveError(f"{msg}; allowed: one for each epoch, in their order; or {COUNT_ALL}")


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
