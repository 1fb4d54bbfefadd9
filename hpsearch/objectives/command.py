"""The user's command as an objective: split as a shell would, then filled in, and run without a shell.

Its JSON lines are measurements. It keeps its own files in the trial's folder; after a lost worker it starts again, and
`HPSEARCH_RESUME` names the folder of the attempt to go on from.
"""

from __future__ import annotations

import json
import math
import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, Self

from hpsearch.config_objectives import Command
from hpsearch.errors import FieldError, ObjectiveError
from hpsearch.objectives.base import Metrics, Trial, inside
from hpsearch.space import Space, nearest
from hpsearch.trial import Config
from hpsearch.trial_dir import LOG, MANIFEST

if TYPE_CHECKING:
    import logging


_FIELD = ("objective", "command")
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_CONTINUATION = re.compile(r"(?<!\\)((?:\\\\)*)\\\n")
_WHOLE = ("args", "overrides")  # each stands for several arguments
_RESERVED = ("seed", "epochs", "trial_dir", "number", *_WHOLE)

_GRACE_S = 2.0
_SUPERVISOR_S = 5.0  # for the supervisor to notice and to walk, on a busy machine; Ctrl-C has to end within 10 s
_ESCAPED_S = 1.0
_STDERR_LINES = 20
_CHUNK_BYTES = 1 << 16
_LINE_BYTES = 1 << 18  # a line's rest is dropped beyond this


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
        arguments = command_line(
            self._settings, config, trial.seed, epochs=seen.total_epochs, trial_dir=trial.dir, number=trial.number
        )
        resume = _resume_folder(seen.earlier)
        measured, held = False, None
        with _Running(arguments, self._settings.cwd, _environment(trial, resume), trial.log) as running:
            for epoch, metrics in _measurements(running.json_lines(), seen.metric):
                if held is not None:
                    trial.log.warning("the command is ended: it trains on after its last epoch, %d", seen.total_epochs)
                    break
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
        # One that was killed after its last epoch resumes, finds nothing left to do, and prints nothing.
        if not measured and (resume is None or not seen.adopt(seen.total_epochs)):
            msg = f"the command ended without a line of JSON with {seen.metric!r} on its standard output"
            raise ObjectiveError(msg)

    def predict(self, checkpoint: Any, split: str) -> NoReturn:
        """Refuse: hpsearch has no way to ask a command for predictions.

        Raises:
            ObjectiveError: Always.
        """
        del checkpoint, split  # of no use here
        msg = "a command can't predict"
        raise ObjectiveError(msg)


def check_command(settings: Command, space: Space) -> None:
    """Refuse a command that can't be run with the configs of a space, or that ignores some of them.

    Raises:
        FieldError: An unknown placeholder, a parameter that is never used or has the name of a placeholder, an empty
            command, unbalanced quotes or braces, `{args}` inside other text, or a folder that is not there.
    """
    used = _check_placeholders(settings, space.names)
    for name in space.names:
        if name in _RESERVED:
            placeholder = f"{{{name}}}"
            raise FieldError(("space", name), f"{name!r} is what {placeholder} means in a command", "another name")
        if name not in used and not used.intersection(_WHOLE):
            allowed = f"{{{name}}} somewhere, or {{args}} or {{overrides}} for all"
            raise FieldError(_FIELD, f"never uses {name!r}, so that its value would make no difference", allowed)
    if settings.cwd is not None and not Path(settings.cwd).is_dir():
        raise FieldError(("objective", "cwd"), f"found {settings.cwd!r}", "a folder that is there")


def command_line(
    settings: Command, config: Config, seed: int, *, epochs: int, trial_dir: str | Path, number: int
) -> list[str]:
    """Return the program and its arguments for one trial.

    Text is split first and filled in after, so a value is one argument whatever it holds.

    Args:
        epochs: The full length of the trial.
        trial_dir: The attempt's folder, which `{trial_dir}` stands for.

    Raises:
        FieldError: As `check_command`, for what doesn't depend on the space.
    """
    _check_placeholders(settings, tuple(config))
    own = {"seed": seed, "epochs": epochs, "trial_dir": str(trial_dir), "number": number}
    values = {name: _text(value) for name, value in {**config, **own}.items()}
    line: list[str] = []
    for argument in _arguments(settings):
        if argument == "{args}":
            line += [part for name in config for part in (f"--{name}", values[name])]
        elif argument == "{overrides}":
            line += [f"{name}={values[name]}" for name in config]
        else:
            line.append(_PLACEHOLDER.sub(lambda match: _filled(match, values), argument))
    return line


def _filled(match: re.Match[str], values: Mapping[str, str]) -> str:
    return match[0][0] if match[1] is None else values[match[1]]


def _text(value: Any) -> str:
    """Return a value as an argument: as JSON what Python would write in a way of its own."""
    return json.dumps(value) if value is None or isinstance(value, bool | dict | list) else str(value)


def _arguments(settings: Command) -> list[str]:
    if isinstance(settings.command, str):
        try:
            # Python's splitting keeps the newline of a continued line, a shell drops it.
            arguments = shlex.split(_CONTINUATION.sub(r"\1", settings.command))
        except ValueError as error:
            raise FieldError(_FIELD, f"can't be split: {str(error).lower()}", "balanced quotes") from None
    else:
        arguments = settings.command
    if not arguments or not arguments[0].strip():
        raise FieldError(_FIELD, "is empty", "a program and its arguments, such as: python train.py {args}")
    return arguments


def _check_placeholders(settings: Command, names: tuple[str, ...]) -> set[str]:
    """Return the names that the command's placeholders use."""
    known = (*names, *_RESERVED)
    used = set()
    for argument in _arguments(settings):
        for match in _PLACEHOLDER.finditer(argument):
            name = match[1]
            if match[0] in ("{", "}"):
                raise FieldError(_FIELD, f"has a single {match[0]} in {argument!r}", "{name}; {{ and }} for braces")
            if name is None:
                continue
            if name not in known:
                allowed = f"{', '.join(f'{{{key}}}' for key in known)}; {{{{ and }}}} for braces"
                raise FieldError(_FIELD, f"has an unknown placeholder {match[0]!r}", allowed, nearest(name, known))
            if name in _WHOLE and argument != match[0]:
                problem = f"has {match[0]} inside {argument!r}, but it stands for several arguments"
                raise FieldError(_FIELD, problem, f"{match[0]} with blanks around it")
            used.add(name)
    return used


def _resume_folder(earlier: tuple[Path, ...]) -> Path | None:
    """Return the newest earlier attempt in which the command left files; one killed before has none to go on from."""
    for folder in earlier:
        if folder.is_dir() and any(p.name not in (LOG, MANIFEST) and p.name[0] != "." for p in folder.iterdir()):
            return folder
    return None


def _environment(trial: Trial, resume: Path | None) -> dict[str, str]:
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "HPSEARCH_TRIAL_DIR": str(trial.dir),
        "HPSEARCH_SEED": str(trial.seed),
        "HPSEARCH_RESUME": str(resume),
    }
    if resume is None:
        del environment["HPSEARCH_RESUME"]
    return environment


def _measurements(lines: Iterator[str], metric: str) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield epoch and metrics of the lines that are measurements; one without an epoch is the next epoch's.

    Raises:
        ObjectiveError: An epoch is no whole number.
    """
    epoch = 0
    for line in lines:
        metrics = _metrics(line, metric)
        if metrics is None:
            continue
        given = metrics.pop("epoch", None)
        epoch = epoch + 1 if given is None else _whole(given)
        yield epoch, metrics


def _metrics(line: str, metric: str) -> dict[str, float] | None:
    """Return the numbers of a line, or None if it is no JSON object with a number as the metric."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    if metric in found and found[metric] is None:
        found[metric] = math.nan  # what writers of strict JSON put for NaN
    numbers = {key: _float(value) for key, value in found.items() if type(value) in (int, float)}
    return numbers if metric in numbers else None


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if number > 0 else -math.inf


def _whole(epoch: float) -> int:
    if not epoch.is_integer():
        msg = f"found a measurement of epoch {epoch}; allowed: whole epochs from 1"
        raise ObjectiveError(msg)
    return int(epoch)


class _Running:
    """A running command: two threads read what it prints, so that it never waits for a verdict.

    Raises:
        ObjectiveError: It can't be started.
    """

    def __init__(
        self, arguments: list[str], cwd: str | None, environment: Mapping[str, str], log: logging.Logger
    ) -> None:
        log.info("command: %s", shlex.join(arguments))
        supervisor = Path(__file__).with_name("supervisor.py")
        self._log = log
        try:
            self._process = subprocess.Popen(  # noqa: S603 - running the user's command is the task
                [sys.executable, "-I", "-S", str(supervisor), str(_GRACE_S), *arguments],
                bufsize=0,
                cwd=cwd,
                env=environment,
                start_new_session=True,  # Ctrl-C on the terminal reaches the driver, which decides
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except (OSError, ValueError) as error:
            msg = f"the command can't be started: {error}"
            raise ObjectiveError(msg) from error
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._pumps = [
            threading.Thread(target=self._pump, args=pair, daemon=True)
            for pair in ((self._process.stdout, self._put_json), (self._process.stderr, self._stderr.append))
        ]
        for pump in self._pumps:
            pump.start()

    def _pump(self, stream: IO[bytes], keep: Callable[[str], None]) -> None:
        try:
            with stream:
                for line in _lines(stream):
                    self._log.info("%s", line)
                    keep(line)
        finally:
            self._queue.put(None)

    def _put_json(self, line: str) -> None:
        if line.lstrip().startswith("{"):  # the rest need not pile up while the worker is busy
            self._queue.put(line)

    def json_lines(self) -> Iterator[str]:
        """Yield what may be JSON objects as they come, until the command has ended and all was read."""
        reading = len(self._pumps)
        while reading:
            try:
                line = self._queue.get(timeout=_ESCAPED_S)
            except queue.Empty:
                if self._process.poll() is not None:
                    return  # what still holds the pipe has escaped the supervisor
                continue
            if line is None:
                reading -= 1
            else:
                yield line

    def check(self) -> None:
        """Wait for the end of the command.

        Raises:
            ObjectiveError: It ended with an error; the message has the end of its standard error.
        """
        code = self._process.wait()
        if code == 0:
            return
        how = f"exit code {code}" if code > 0 else _signal_name(-code)
        last = next((line.strip() for line in reversed(self._stderr) if line.strip()), "")
        tail = "\n".join((f": {last}", "The end of its standard error:", *self._stderr)) if last else ""
        msg = f"the command ended with {how}{tail}"
        raise ObjectiveError(msg)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()  # the supervisor ends the command, if it still runs
        try:
            self._process.wait(_GRACE_S + _SUPERVISOR_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # and the kernel kills the command, whose parent it was
            self._process.wait()
        for pump in self._pumps:
            pump.join(_ESCAPED_S)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield lines as they come; of a huge one its beginning, of one that a progress bar overwrites its last state."""
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(_shown, lines)
        if len(rest) > _LINE_BYTES:
            rest = rest[rest.rfind(b"\r") + 1 :][:_LINE_BYTES]
    if rest:
        yield _shown(rest)


def _shown(line: bytes) -> str:
    last = line.rstrip(b"\r").rpartition(b"\r")[2]
    text = last[:_LINE_BYTES].decode(errors="replace")
    return text if len(last) < _LINE_BYTES else f"{text} [cut]"
