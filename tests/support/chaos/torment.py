"""Kills real studies, resumes them, and compares them with undisturbed ones."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from hpsearch.errors import StudyNotFoundError
from hpsearch.trial.trial import Stage, State, TrialRecord
from support.chaos.moments import SIGNALS, Chosen, Moment, Moments, Toll
from support.chaos.studies import Kind, Outcome, end_of, loaded, newest_manifest, outcome, prepare
from support.cli import Cli
from support.waiting import Patience, wait_until

WORKERS_S = 5.0  # DESIGN, invariant 9
_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
_LIFE_S = 240.0
_LONGEST = 4000  # of a sentence, which may hold what a command has said
_MOST_LOST = 2  # epochs of a trial: a Walker saves every second one


@dataclass
class Seen:
    """What was in a study's files after a kill.

    Attributes:
        records: By stage and number; None while the study is not there.
        committed: After which epoch each trial goes on, by folder of its stage and number.
        seconds: What the epochs up to that one took: an epoch that is trained again takes another time.
    """

    records: dict[tuple[Stage, int], TrialRecord] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    committed: dict[tuple[str, int], float] = field(default_factory=dict)
    seconds: dict[tuple[str, int, int], float] = field(default_factory=dict)


class Tormented:
    """One study, from its start to its end.

    Args:
        cli: The command; its folder has the space file.
        name: The study's.
        moments: When and how it is killed.
        rng: Decides the rest.
    """

    def __init__(self, cli: Cli, kind: Kind, name: str, moments: Moments | Chosen, rng: random.Random) -> None:
        self.cli, self.kind, self.name, self.moments, self.rng = cli, kind, name, moments, rng
        self.folder = cli.folder / "studies" / name
        self.audit = cli.folder / f"audit-{name}.txt"
        self.audit.touch()
        self.toll = Toll(studies=1)
        self.seen = Seen()
        self._done = False
        self._lines = self._kills = 0  # of the audit, and of the toll, when its files were looked at last

    def run(self, kills: int, tell: Callable[[str], None] = lambda _: None) -> None:
        """Kill it so often, or until it is done; then let it end."""
        while not self._done and self.toll.kills.total() < kills:
            self._live(kills, tell)
        if not self._done:
            code, err = self._ended(self._start())
            self._expect(code == 0, f"the last command ended with exit code {code}: {err}")
        self._survey()

    def _live(self, kills: int, tell: Callable[[str], None]) -> None:
        """Start the command, and strike until it ends."""
        moment = self.moments.draw()
        process, last = self._start(moment), None
        while True:
            if self._strike(process, moment):
                last = moment
                self.toll.kills[moment.name] += 1
                tell(f"{self.name}: {self.toll.kills.total()} of {kills}: {moment.name}")
                if moment.target != "worker":
                    break
            else:
                self.moments.missed(moment)
            if process.poll() is not None or self.toll.kills.total() >= kills:
                break
            moment = self.moments.draw()
        code, err = self._ended(process)
        self._done = code == 0
        if self._done:
            if last is not None and last.target == "driver":
                self.toll.kills[last.name] -= 1  # the signal came after the last look at it
                self.moments.missed(last)
            return
        if last is None or last.target == "worker":
            self._expect(False, f"it ended with exit code {code}: {err}")  # noqa: FBT003 - it does not hold
            self._done = True  # it would go on like this
            return
        self._check_exit(code, err, last)
        if self.kind.spawns and self.rng.random() < 0.3:
            return  # it is resumed at once
        if self.kind.spawns:
            self._expect_nobody("the kill", workers=self.kind.ray)
        self._survey()

    def _strike(self, process: Any, moment: Moment) -> bool:
        """Wait for the moment and kill; return whether it came before the command's end."""
        if moment.environment:
            return bool(self._ended(process)[0] == -signal.SIGKILL)
        if moment.epochs is not None:
            goal = self._progress() + moment.epochs
            every_s = 0.1 if self.kind.ray else 0.02  # manifests are read for it
            wait_until(lambda: process.poll() is not None or self._progress() >= goal, _LIFE_S, "the moment", every_s)
        until = time.monotonic() + moment.delay_s
        wait_until(lambda: process.poll() is not None or time.monotonic() >= until, _LIFE_S, "the moment")
        victim = process if moment.target == "driver" else self._victim(moment.target)
        if process.poll() is not None or victim is None:
            return False
        try:
            victim.send_signal(moment.number)
        except (psutil.Error, ProcessLookupError):
            return False
        return True

    def _victim(self, target: str) -> psutil.Process | None:
        mark = "ray::Actor" if target == "worker" else "raylet/raylet"
        found = [process for process in self.cli.processes() if mark in "".join(command_line(process)[:1])]
        return self.rng.choice(sorted(found, key=lambda process: process.pid)) if found else None

    def _check_exit(self, code: int, err: str, moment: Moment) -> None:
        if moment.number is signal.SIGINT and "\nKeyboardInterrupt\n" in err:
            return  # Python's own, before or after the command listens
        if moment.target == "node":
            self._expect(code == 1 and "Traceback" not in err, f"after the node's end: exit code {code}: {err}")
        elif moment.number is signal.SIGKILL:
            self._expect(code == -signal.SIGKILL, f"killed, and exit code {code}: {err}")
        elif code != -moment.number:  # that is before it listens
            clean = code == SIGNALS[moment.number] and "Traceback" not in err
            self._expect(clean, f"{moment.number.name}: exit code {code}: {err}")

    def _start(self, moment: Moment | None = None) -> Any:
        there = self.seen.records is not None
        self.toll.resumes += there
        by_name = there and self.rng.random() < 0.7
        arguments = ["resume", self.name] if by_name else ["run", "sample.yaml", "--resume", "--name", self.name]
        if self.kind.storage is not None and (not by_name or "://" in self.kind.storage):
            arguments += ["--storage", self.kind.storage]
        folder = self.cli.folder
        own = {"TMPDIR": folder / "tmp", "HPSEARCH_CLAIMS": folder / "claims", "SAMPLE_AUDIT": self.audit}
        environment = {name: str(path) for name, path in own.items()}
        if moment is not None:
            environment |= moment.environment
        return self.cli.start_warm(*arguments, *self.kind.options, **environment)

    def _ended(self, process: Any) -> tuple[int, str]:
        _, err = process.communicate(timeout=_LIFE_S)
        return process.returncode, err

    def _expect(self, holds: object, sentence: str) -> None:
        if not holds:
            self.toll.mismatches.append(f"{self.name}: {sentence[:_LONGEST]}")

    def _expect_nobody(self, after: str, *, workers: bool = False) -> None:
        """Expect that all processes, or all of Ray's workers, are gone in time."""

        def left() -> list[list[str]]:
            lines = [command_line(process) for process in self.cli.processes()]
            return [line[:4] for line in lines if is_worker(line) or not workers]

        patience = Patience(WORKERS_S)
        while left() and not patience.ended():
            time.sleep(0.02)
        self._expect(not left(), f"{WORKERS_S:g} s after {after} there are {left()}")

    # What was trained, and what is committed

    def audited(self) -> list[tuple[str, int, int]]:
        """Return the epochs that were trained: folder of the stage, trial, epoch."""
        lines = [line.split() for line in self.audit.read_text().splitlines() if not line.startswith("read ")]
        return [(stage, int(number), int(epoch)) for stage, number, epoch, _ in lines]

    def _progress(self) -> int:
        if self.kind.audited:
            return len(self.audited())
        manifests = self.folder.glob("*/*/attempt-*/manifest.json")
        return sum(len(json.loads(path.read_text())["measurements"]) for path in manifests)

    def _survey(self) -> None:
        """Look at what a kill has left, before anything is resumed: nothing that was there may go or change."""
        now = Seen()
        for trial in self.folder.glob("*/[0-9]*"):
            self._take_in(trial, now)
        lost: Counter[tuple[str, int]] = Counter()
        for stage, number, epoch in self.audited()[self._lines :]:
            lost[stage, number] += epoch > now.committed[stage, number]
            was = self.seen.committed.get((stage, number), 0)
            self._expect(epoch > was, f"{stage} {number}: epoch {epoch} was trained again, and {was} was committed")
        kills = self.toll.kills.total() - self._kills
        if kills == 1:
            self.toll.lost.append(lost.total())
        self._expect(max(lost.values(), default=0) <= _MOST_LOST * kills, f"{kills} kills cost {dict(lost)} epochs")
        again = [key for key, seconds in self.seen.seconds.items() if now.seconds.get(key) != seconds]
        self._expect(not again, f"epochs {again} were committed, and are others now")
        self._read_store(now)
        self.seen, self._lines, self._kills = now, len(self.audited()), self.toll.kills.total()

    def _take_in(self, trial: Path, now: Seen) -> None:
        """Note the epoch that a trial goes on after: that of its last checkpoint, or of the command's own."""
        name, number = trial.parent.name, int(trial.name)
        epoch = max((json.loads(path.read_text())[0] for path in trial.glob("attempt-*/state.json")), default=0)
        manifest = newest_manifest(trial)
        if manifest is not None:
            last = manifest["last"]["epoch"] if manifest["last"] else 0
            epoch = float("inf") if manifest["reason"] else max(epoch, last)
            for measurement in manifest["measurements"]:
                if measurement["epoch"] <= epoch:
                    now.seconds[name, number, measurement["epoch"]] = measurement["seconds"]
        now.committed[name, number] = epoch

    def _read_store(self, now: Seen) -> None:
        """Read a copy of the store, so that it is recovered by the command that resumes, and not here."""
        copy = self.cli.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for pattern in ("study.json", "study.db*", "journal.log"):
            for path in self.folder.glob(pattern):
                shutil.copyfile(path, copy / path.name)
        try:
            study = loaded(copy, self.kind.storage)
        except StudyNotFoundError:
            self._expect(self.seen.records is None, "the study is gone")
            return
        now.records = {(stage, r.number): r for stage in Stage for r in study.store.records(stage)}
        now.attributes = dict(study.store._attributes)
        study.close()
        self._expect_kept(self.seen, now.records, now.attributes)
        if any(line.startswith("read test") for line in self.audit.read_text().splitlines()):
            self._expect("ensemble" in now.attributes, "the test split was read before the weights were stored")

    def _expect_kept(
        self, before: Seen, records: Mapping[tuple[Stage, int], TrialRecord], attributes: Mapping[str, Any]
    ) -> None:
        """Expect that all that was stored is there as it was: configs, values, ends, and choices."""
        for key, old in (before.records or {}).items():
            new = records.get(key)
            if new is None:
                self._expect(False, f"trial {key} is gone")  # noqa: FBT003 - it does not hold
                continue
            drawn = [(dict(r.params), r.seed, r.source, r.replicate) for r in (old, new)]
            self._expect(drawn[0] == drawn[1] and new.attempt >= old.attempt, f"{old} became {new}")
            if old.state is not State.RUNNING:
                self._expect(repr(end_of(old)) == repr(end_of(new)), f"{old}, which had end_of, became {new}")
            changed = [epoch for epoch, value in old.values.items() if repr(new.values.get(epoch)) != repr(value)]
            self._expect(not changed, f"{key}: values of epochs {changed} were {old.values} and are {new.values}")
        for name in ("ensemble", "search_end", "finalists_end"):
            if name in before.attributes:
                self._expect(before.attributes[name] == attributes.get(name), f"{name} was stored, and changed")

    def compare(self, expected: Outcome, audited: set[tuple[str, int, int]]) -> None:
        """Compare what it has come to with an undisturbed study.

        Args:
            audited: The epochs that the undisturbed one trained.
        """
        left = [str(path) for path in self.folder.rglob("*") if path.name.endswith(".tmp")]
        left += [str(path) for name in ("tmp", "claims") for path in (self.cli.folder / name).iterdir()]
        self._expect(not left, f"{left} are left")
        if self.kind.spawns:
            self._expect_nobody("the end")
        found = outcome(self.folder, self.kind.storage)
        for sentence in expected.differences(found, exact=self.kind.exact):
            self._expect(False, sentence)  # noqa: FBT003 - it does not hold
        trained = self.audited()
        if self.kind.exact and self.kind.audited:
            self._expect(set(trained) == audited, f"epochs trained by one only: {set(trained) ^ audited}")
        self._expect(len(found.attributes.get("test_readings", [0])) == 1, "the test split was read more than once")
        self.toll.epochs += len(trained)
        self.toll.again += len(trained) - len(set(trained))
        self.toll.trials += len(found.configs)


def command_line(process: psutil.Process) -> list[str]:
    """Return a process's words; none if it is gone."""
    try:
        return process.cmdline() or [process.name()]
    except psutil.Error:
        return []


def is_worker(line: list[str]) -> bool:
    """Return whether a process is a worker of Ray's, by its words.

    Ray's agents call themselves `ray::` too. They outlive their node by up to 90 s (DESIGN, invariant 9).
    """
    return line[:1] != [] and line[0].startswith("ray::") and line[0] not in _AGENTS


def torment(
    cli: Cli,
    kind: Kind,
    *,
    kills: int,
    chosen: Chosen | None = None,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Toll:
    """Kill studies of a kind so often in all, and compare each with an undisturbed one.

    Args:
        kills: One study after another takes them, each until it is done.
        chosen: The moments; without them they are drawn.
        seed: Of the moments.
        tell: Takes a line about each kill.
    """
    began, rng, toll = time.monotonic(), random.Random(f"{kind.name}/{seed}"), Toll()
    prepare(cli.folder, kind.raw)
    calm = replace(kind, options=("--executor", "inline", *kind.options[2:]))
    moments = chosen or Moments(kind, rng)
    undisturbed = Tormented(cli, calm, f"{kind.name}-{seed}", moments, rng)
    undisturbed.run(0)
    if undisturbed.toll.mismatches:
        return undisturbed.toll
    expected, audited = outcome(undisturbed.folder, kind.storage), set(undisturbed.audited())
    while toll.kills.total() < kills and not toll.mismatches:
        study = Tormented(cli, kind, f"{kind.name}-{seed}-{toll.studies + 1}", moments, rng)
        study.run(kills - toll.kills.total(), tell)
        study.compare(expected, audited)
        toll.add(study.toll)
    toll.seconds = time.monotonic() - began
    return toll
