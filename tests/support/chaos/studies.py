"""The studies that the chaos suite torments, and what must come out of each, however often it is killed."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.study.study import Study, load_study
from hpsearch.trial.trial import Stage, TrialRecord
from support.documents import write_yaml
from support.factories import sample_raw
from support.paths import OBJECTIVES

_VOLATILE = ("created", "spent", "versions", "code")  # of a study's attributes
_SOURCES = ("chaos_objectives.py", "chaos_command.py", "sample_objectives.py")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A study to torment.

    Attributes:
        raw: Its space file.
        options: Of the command line.
        storage: What `--storage` gets; None for nothing.
        spawns: Whether processes are started that are to end with the driver.
        hooked: Whether the driver imports `chaos_objectives`, and so can be killed at a change of a file.
        audited: Whether each epoch leaves a line in the audit file.
        life_s: About how long the whole study takes, in seconds: how late it is killed at most.
        exact: Whether everything has to come out as undisturbed; else configs, numbers and seeds have.
    """

    name: str
    raw: Mapping[str, Any]
    options: tuple[str, ...] = ("--executor", "inline")
    storage: str | None = None
    spawns: bool = False
    hooked: bool = True
    audited: bool = True
    life_s: float = 1.0
    exact: bool = True

    @property
    def ray(self) -> bool:
        """Whether its trials run in Ray's workers."""
        return "--workers" in self.options


def _python(function: str, **changes: Any) -> dict[str, Any]:
    raw = sample_raw(**changes)
    return {**raw, "objective": {**raw["objective"], "python": f"chaos_objectives:{function}"}}


WALKER = Kind(
    name="walker",
    raw=_python(
        "Walker",
        objective={"epochs": 8},
        search={"trials": 7},
        prune={"stall": {"patience": 3}},
        ensemble={"members": 3},
        keep_checkpoints=3,
    ),
)
ROUNDS = Kind(
    name="rounds",
    raw=_python(
        "walk",
        search={"sampler": "tpe", "trials": None, "rounds": [{"trials": 5, "epochs": 4}, {"trials": 3}]},
        prune={"stall": {"patience": 2}},
        finalists={"configs": 1, "seeds": 3},
    ),
)
BUDGET = Kind(
    name="budget",
    raw=_python(
        "walk", objective={"epochs": 5}, search={"sampler": "random", "trials": None}, budget={"epochs": 48}, prune=None
    ),
)
PAUSES = Kind(
    name="pauses",
    raw=_python(
        "Walker",
        objective={"epochs": 14},
        search={"trials": 12},
        prune={"stall": {"patience": 5}, "asha": {"first": 2}, "audit": 0.3},
        faults={"max_retries": 50},  # several kills may hit one trial
        finalists={"configs": 1, "seeds": 2},
        keep_checkpoints=3,
    ),
)
AUTO = Kind(
    name="auto",
    raw=_python(
        "Walker",
        objective={"epochs": 9},
        search={"sampler": "auto", "trials": 12, "epochs": 45},
        prune={"stall": {"patience": 4}},
        finalists=None,
        keep_checkpoints=3,
    ),
)
JOURNAL = Kind(name="journal", raw=WALKER.raw, storage="journal")
COMMAND = Kind(
    name="command",
    raw={
        **sample_raw(search={"trials": 4}, finalists={"configs": 1, "seeds": 2}),
        "objective": {
            "command": "python -I -S chaos_command.py {epochs} {seed} {trial_dir} {lr}",
            "resume": "{resume_from}",
            "interpreter": sys.executable,
            "cwd": ".",
            "epochs": 6,
        },
        "space": {"lr": {"uniform": [0.0, 1.0]}},
    },
    spawns=True,
    hooked=False,
    life_s=2.0,
)
VISION = Kind(
    name="vision",
    raw={
        "study": "sample",
        "metric": "val_loss",
        "direction": "minimize",
        "objective": {"use": "image_classifier", "data": "digits", "model": "mlp", "epochs": 10},
        "space": {
            "lr": {"loguniform": [1e-4, 1e-1]},
            "dropout": {"uniform": [0.0, 0.5]},
            "batch_size": 16,
            "augment": "crop",
        },
        "search": {"trials": 6},
        "prune": {"stall": {"patience": 4}},
        "finalists": {"configs": 1, "seeds": 2},
        "ensemble": {"members": 2},
        "faults": {"max_retries": 50},
    },
    options=("--workers", "2", "--cpus-per-trial", "1"),
    spawns=True,
    hooked=False,
    audited=False,
    life_s=20.0,
)
LIGHT = (WALKER, ROUNDS, BUDGET, PAUSES, AUTO, JOURNAL, COMMAND)


def prepare(folder: Path, raw: Mapping[str, Any]) -> None:
    """Lay a space file and what it trains into a working directory."""
    for name in _SOURCES:
        shutil.copyfile(OBJECTIVES / name, folder / name)
    write_yaml(folder / "sample.yaml", dict(raw))
    for name in ("tmp", "claims"):
        (folder / name).mkdir(exist_ok=True)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """All of a study that must not depend on kills."""

    configs: dict[str, Any]
    trials: dict[str, Any]
    attributes: dict[str, Any]
    manifests: dict[str, Any]
    files: dict[str, str]

    def differences(self, other: Outcome, *, exact: bool) -> Iterator[str]:
        """Yield a sentence for each thing in which another one differs; a NaN is like another."""
        for name in ("configs", "trials", "attributes", "manifests", "files") if exact else ("configs",):
            mine, others = getattr(self, name), getattr(other, name)
            for key in sorted(mine.keys() | others.keys()):
                if repr(mine.get(key)) != repr(others.get(key)):
                    yield f"{name}: {key} is {others.get(key)!r} instead of {mine.get(key)!r}"


def outcome(folder: Path, storage: str | None) -> Outcome:
    """Read what a study has come to."""
    study = loaded(folder, storage)
    records = {f"{stage} {r.number}": r for stage in Stage for r in study.store.records(stage)}
    attributes = {key: value for key, value in study.store._attributes.items() if key not in _VOLATILE}
    best, state = study.best, study.state
    study.close()
    return Outcome(
        configs={key: (dict(r.params), r.seed, r.source, r.replicate) for key, r in records.items()},
        trials={key: end_of(r) for key, r in records.items()},
        attributes={**json.loads(_any_attempt(json.dumps(attributes))), "best": best, "state": state},
        manifests={key: _newest_manifest(_trial_folder(folder, r)) for key, r in records.items()},
        files=_files(folder),
    )


def loaded(folder: Path, storage: str | None) -> Study:
    """Open a study, wherever its store is."""
    return load_study(folder, storage=storage if storage and "://" in storage else None)


def end_of(record: TrialRecord) -> tuple[Any, ...]:
    """Return what a trial has come to."""
    values = sorted(record.values.items())
    return record.state, record.stop_reason, record.value, record.best_epoch, record.epochs, record.error, values


def _any_attempt(text: str) -> str:
    first, *others = text.split("attempt-")
    return "attempt-".join([first, *(part.lstrip("0123456789") for part in others)])


def _trial_folder(folder: Path, record: TrialRecord) -> Path:
    return folder / ("trials" if record.stage is Stage.SEARCH else "finalists") / f"{record.number:05d}"


def newest_manifest(trial: Path) -> dict[str, Any] | None:
    """Return what the newest attempt of a trial that has committed anything has."""
    for attempt in sorted(trial.glob("attempt-*"), key=lambda path: -int(path.name.removeprefix("attempt-"))):
        if (attempt / "manifest.json").exists():
            raw: dict[str, Any] = json.loads((attempt / "manifest.json").read_text())
            return raw
    return None


def _newest_manifest(trial: Path) -> dict[str, Any] | None:
    """Return it without what depends on clocks and processes."""
    raw = newest_manifest(trial)
    if raw is None:
        return None
    measured = [(m["epoch"], m["metrics"]) for m in raw["measurements"]]
    return {**{key: raw[key] for key in ("best", "last", "reason", "config", "seed")}, "measurements": measured}


def _files(folder: Path) -> dict[str, str]:
    """Return each file of a study, whatever attempt it is of, with the hashes of what has to be bitwise the same."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".part":
            name = _any_attempt(str(path.relative_to(folder)))
            found[name] = found.get(name, "") + (_hash(path) if path.suffix == ".pt" else "")
    return found


def _hash(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
