"""The exception tree.

```
HpsearchError
├── InputError           bad input: nothing was started, or nothing was changed      exit code 2
│   ├── FieldError           a field of a space file, before its file and line are known
│   ├── SpaceFileError       the same with file and line
│   ├── NoPlaceError         a file has no place for some parameters
│   ├── StudyNotFoundError   no study of that name or path
│   ├── StudyExistsError     an explicit name that is taken
│   ├── StudyLockedError     another driver holds the study
│   └── ResourceError        more GPUs or workers asked for than there are
├── StudyError           the study failed and can be resumed after a fix             exit code 1
│   ├── TrialsFailedError    its trials fail, or end without a value
│   ├── BudgetSpentError     the budget is spent before the study is done
│   └── UnwritableError      the studies directory can't be written: running trials are held
│       └── DiskFullError        the disk is full
├── ObjectiveError       the objective broke the protocol: the trial fails, the study goes on
│   └── CheckpointError      a checkpoint that can't be written or read back
├── SpaceUsedUpError     each config was trained: the search ends early
├── WorkerLostError      a worker died: the trial is tried again
└── TrialStopped         control flow: `trial.report` ends the objective

KeyboardInterrupt
└── Interrupted          control flow: a signal ends the command                     exit code 128 + signal
```

All take positional arguments only, so that they survive pickling on their way from a worker to the driver.
"""

from __future__ import annotations

_LONGEST = 2000  # characters of a message: input and lists of names can have any length


def printable(text: str) -> str:
    """Return text as one line without control characters; a long one is cut in its middle."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} ... {text[-half:]}"


class HpsearchError(Exception):
    """Base of every error that hpsearch raises on purpose."""


class InputError(HpsearchError):
    """Wrong input of the user; the message says in one line what, where, and what is allowed."""

    def __str__(self) -> str:
        return printable(super().__str__())


class FieldError(InputError):
    """A field of a space file is wrong.

    Args:
        path: Keys from the top of the file to the field.
        problem: What is wrong, with what was found.
        allowed: What is allowed there; may be empty.
        near: The nearest known name; may be empty.
    """

    def __init__(self, path: tuple[str | int, ...], problem: str, allowed: str = "", near: str = "") -> None:
        super().__init__(path, problem, allowed, near)
        self.path, self.problem, self.allowed, self.near = path, problem, allowed, near

    def __str__(self) -> str:
        parts = [f"{'.'.join(map(str, self.path)) or 'the file'}: {self.problem}"]
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.near:
            parts.append(f"did you mean {self.near!r}?")
        return printable("; ".join(parts))


class SpaceFileError(InputError):
    """A space file is wrong, with its place: `file:line: field: problem; allowed: ...`.

    Args:
        file: The file as the user named it; for an override, `--set`.
        line: The line, from 1; None where there is none.
        message: The message of the `FieldError`, or of the YAML parser.
    """

    def __init__(self, file: str, line: int | None, message: str) -> None:
        super().__init__(file, line, message)
        self.file, self.line, self.message = file, line, message

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return printable(f"{place}: {self.message}")


class NoPlaceError(InputError):
    """A file has no place for some parameters.

    Args:
        head: Which file, and which parameters.
        lines: What to write for each, and what else there is.
    """

    def __init__(self, head: str, lines: tuple[str, ...]) -> None:
        super().__init__(head, lines)
        self.head, self.lines = head, lines

    def __str__(self) -> str:
        return printable(f"{self.head}; allowed: {'; '.join(self.lines)}")


class StudyNotFoundError(InputError):
    """There is no such study."""


class StudyExistsError(InputError):
    """An explicit study name is taken."""


class StudyLockedError(InputError):
    """Another driver holds the study."""


class ResourceError(InputError):
    """The machine or the cluster does not have what was asked for."""


class SpaceUsedUpError(HpsearchError):
    """A sampler has drawn each config that satisfies the constraints."""


class StudyError(HpsearchError):
    """The study can't go on. It keeps what it has, and can be resumed."""


class TrialsFailedError(StudyError):
    """The trials fail, or end without a value.

    Args:
        problem: What was found.
        advice: What to do, for a study that is kept.
    """

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(problem, advice)
        self.problem, self.advice = problem, advice

    def __str__(self) -> str:
        return f"{self.problem}; {self.advice}"


class BudgetSpentError(StudyError):
    """The budget is spent before the study is done; with more, the study can be resumed.

    Args:
        message: What was spent.
        more: A value of `--budget` with which the study can go on.
    """

    def __init__(self, message: str, more: str) -> None:
        super().__init__(message, more)
        self.message, self.more = message, more

    def __str__(self) -> str:
        return self.message


class UnwritableError(StudyError):
    """The studies directory can't be written; running trials are held, not failed."""


class DiskFullError(UnwritableError):
    """The disk of the studies directory is full."""


class ObjectiveError(HpsearchError):
    """The objective broke the protocol; its trial fails and the study goes on."""


class CheckpointError(ObjectiveError):
    """A checkpoint can't be read, or not be written in a form that `weights_only` loading reads back."""


class WorkerLostError(HpsearchError):
    """A worker ended in the middle of a trial."""


class TrialStopped(HpsearchError):  # noqa: N818 - control flow like StopIteration, and DESIGN's name for it
    """Raised by `trial.report` when the trial is to end; do not catch it."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end; an objective's `except Exception` does not catch it.

    Args:
        signal_number: SIGINT, SIGTERM or SIGHUP.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number
