"""Disks that are full, count files, or are read-only: a study is held and told of, and goes on as if nothing had been.

The disks are real, small, and in a mount namespace of their own.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hpsearch.trial.folder import read_manifest
from support.faulty_disk import Disk, needs_mounts
from support.outcomes import outcome, trained
from support.waiting import wait_until

pytestmark = [pytest.mark.slow, needs_mounts]

INLINE = ("--executor", "inline")
SMALL = {"objective": {"epochs": 3}, "search": {"trials": 3}, "finalists": {"configs": 1, "seeds": 2}}
PER_STUDY = 5 * 3  # epochs


@pytest.fixture
def disk(cli) -> Iterator[Disk]:
    made = Disk(cli.folder / "studies")
    yield made
    made.close()


@pytest.fixture
def undisturbed(cli, space_file) -> dict[int, tuple]:
    """What becomes of the study on a disk that has room."""
    space_file(**SMALL)
    cli.run_warm("run", "sample.yaml", "--studies", "whole", *INLINE)
    cli.audit.write_text("")
    return outcome(cli.folder / "whole/sample")


def on(disk: Disk, cli) -> Callable[..., object]:
    return lambda *arguments, code=0: cli.run_warm(*arguments, code=code, **disk.environment)


def end_of(cli, disk: Disk, *arguments: str) -> tuple[int, str]:
    """Return a command's exit code and what it says, one clear error if it failed."""
    process = cli.start_warm(*arguments, **disk.environment)
    _, said = process.communicate()
    assert "Traceback" not in said
    assert "Logging error" not in said
    if process.returncode:
        error = said.splitlines()[-1]
        assert error.startswith("error: "), said
        assert "the disk is full" in error or "No space left" in error or "make room on the disk" in error, said
    return process.returncode, said


def assert_whole(folder: Path) -> None:
    """Assert that nothing in a study's folder is half a file."""
    for manifest in folder.glob("*/*/attempt-*/manifest.json"):
        assert read_manifest(manifest.parent) is not None
    assert not [*folder.rglob("*.tmp")]


@pytest.mark.parametrize(("storage", "step", "most"), [("sqlite", 30, 48), ("journal", 6, 20)])
def test_a_disk_that_is_full_again_and_again(cli, disk, undisturbed, storage, step, most):
    room, moments = random.Random(7), []
    code, said = 1, ""
    while code:
        made = (disk.seen / "full/study.json").exists()
        disk.leave(room.randrange(16, most) if made else step * len(moments))  # pages: for nothing, for some
        code, said = end_of(
            cli, disk, "run", "sample.yaml", "--name", "full", "--resume", "--storage", storage, *INLINE
        )
        moments.append((code, said.splitlines()[-1]))
        study = disk.seen / "full"
        if (study / "study.json").exists():
            assert_whole(study)
            shown = on(disk, cli)("show", "full", "--json")
            assert json.loads(shown.stdout)["study"] == "full"
        else:
            assert not study.exists(), said
        assert len(moments) < 60
    assert {1, 2} <= {code for code, _ in moments}, "it was not full at different moments"
    assert copied(disk, "full", cli.folder) == undisturbed
    # Each failure may have cost the epoch that was under way.
    assert PER_STUDY <= len(trained(cli)) <= PER_STUDY + len(moments)
    if storage == "sqlite":
        with closing(sqlite3.connect(cli.folder / "copy-full/study.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_disk_without_room_for_another_file(cli, disk, undisturbed):
    room, codes = random.Random(3), []
    while 0 not in codes:
        disk.leave_inodes(room.randrange(1, 12))
        codes.append(end_of(cli, disk, "run", "sample.yaml", "--name", "full", "--resume", *INLINE)[0])
        assert_whole(disk.seen)
        assert len(codes) < 60
    assert {1, 2} <= set(codes)
    assert copied(disk, "full", cli.folder) == undisturbed
    assert PER_STUDY <= len(trained(cli)) <= PER_STUDY + len(codes)


def copied(disk: Disk, name: str, folder: Path) -> dict[int, tuple]:
    shutil.copytree(disk.seen / name, folder / f"copy-{name}")  # its own path is one that this process does not see
    return outcome(folder / f"copy-{name}")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_a_study_that_is_read_only_can_be_read_and_not_resumed(cli, disk, undisturbed, storage):
    run = on(disk, cli)
    run("run", "sample.yaml", "--storage", storage, *INLINE)
    readers = (("show", "sample", "--json"), ("show", "sample", "--trial", "1"), ("list",))
    said = [run(*reader).stdout for reader in readers]
    before = contents(disk.seen)
    disk.make_read_only()
    assert [run(*reader).stdout for reader in readers] == said
    csv = cli.folder / "trials.csv"
    run("show", "sample", "--csv", str(csv))
    assert csv.exists()
    refused = run("resume", "sample", "--trials", "9", *INLINE, code=2)
    assert refused.stderr.splitlines()[-1] == (
        f"error: {cli.folder}/studies/sample: can't be written: Read-only file system; "
        "fix that, then resume (show works meanwhile)"
    )
    assert contents(disk.seen) == before
    assert len(trained(cli)) == PER_STUDY


def test_a_study_that_was_killed_can_be_read_where_nothing_can_be_written(cli, disk, space_file):
    space_file("hang", search={"trials": 2})
    process = cli.start_warm("run", "sample.yaml", *INLINE, **disk.environment)
    wait_until(lambda: [*disk.seen.glob("sample/trials/*/*/manifest.json")], 60, "the first epoch")
    shown = on(disk, cli)("show", "sample", "--json").stdout
    process.kill()
    assert (disk.seen / "sample/study.db-wal").stat().st_size
    disk.make_read_only()
    assert on(disk, cli)("show", "sample", "--json").stdout == shown


def test_nothing_is_begun_in_a_directory_that_is_read_only(cli, disk, space_file):
    space_file(**SMALL)
    disk.make_read_only()
    refused = on(disk, cli)("run", "sample.yaml", *INLINE, code=2)
    (error,) = refused.stderr.splitlines()
    assert error == (
        f"error: {cli.folder}/studies/sample: the study's folder can't be made: Read-only file system; "
        "give another --studies"
    )
    assert not cli.audited()


def test_a_disk_that_is_read_only_all_of_a_sudden(cli, disk, undisturbed):
    process = cli.start_warm("run", "sample.yaml", *INLINE, SAMPLE_HOLD="4", **disk.environment)
    wait_until(lambda: len(cli.audited()) >= 4, 60, "some epochs")
    disk.make_read_only()
    cli.let_go()
    _, said = process.communicate()
    assert process.returncode == 1
    assert "Traceback" not in said
    error = said.splitlines()[-1]
    assert "can't be written: Read-only file system; fix that, then resume" in error
    disk.make_writable()
    assert_whole(disk.seen / "sample")
    on(disk, cli)("resume", "sample", *INLINE)
    assert copied(disk, "sample", cli.folder) == undisturbed
    assert len(trained(cli)) <= PER_STUDY + 1


@pytest.mark.parametrize(("moment", "workers"), [("log", INLINE), ("checkpoint", ("--workers", "1"))])
def test_a_disk_that_an_objective_fills_is_not_the_objectives_fault(cli, disk, moment, workers):
    """What its own line in the log, or its own library, says of a full disk ends no trial."""
    raises = "raise RuntimeError('no room')" if moment == "checkpoint" else "trial.log.info('x' * 100_000)"
    (cli.folder / "filling.py").write_text(
        "import os\nfrom pathlib import Path\n\n\n"
        "def train(config, trial):\n"
        "    state = trial.load_checkpoint()\n"
        "    for epoch in trial.epochs():\n"
        "        ballast = trial.dir.parents[3] / 'ballast'\n"
        "        if epoch == 2 and not ballast.exists():\n"
        "            room = os.statvfs(trial.dir)\n"
        "            try:\n"
        "                ballast.write_bytes(b'x' * (room.f_bfree * room.f_frsize + 1))\n"
        "            except OSError:\n"
        f"                {raises}\n"
        "        trial.save_checkpoint({'epoch': epoch})\n"
        "        yield {'score': config['lr'] + epoch}\n"
    )
    (cli.folder / "filling.yaml").write_text(
        "study: filling\nmetric: score\ndirection: maximize\nobjective: {python: 'filling:train', epochs: 3}\n"
        "space: {lr: {uniform: [0, 1]}}\nsearch: {trials: 2}\nfinalists: null\nensemble: null\n"
    )
    disk.leave(400)
    code, _ = end_of(cli, disk, "run", "filling.yaml", *workers)
    assert code == 1
    (disk.seen / "ballast").write_bytes(b"")
    on(disk, cli)("resume", "filling", *INLINE)
    trials = json.loads(on(disk, cli)("show", "filling", "--json").stdout)["trials"]
    assert [(trial["stop_reason"], trial["epochs"]) for trial in trials] == [("finished", 3)] * 2
