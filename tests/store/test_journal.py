"""The store as a journal: what every store has to do, and what a cut, a kill or a full disk leaves of a file."""

from __future__ import annotations

import copy
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from hpsearch.errors import InputError, StudyError, StudyNotFoundError
from hpsearch.store import journal as store_journal
from hpsearch.store import location
from hpsearch.store.folding import folded
from hpsearch.store.journal import JournalFile
from hpsearch.store.store import STUDY_FILE, Store
from hpsearch.trial.events import TrialScored
from hpsearch.trial.trial import Decision, Direction, Stage, StopReason
from support.bench import Stop, results
from support.conformance.stores import CONFIG, END, InItsFolder, add, contents, measurements, running
from support.waiting import wait_until


def journal_of(folder: Path) -> Path:
    return folder / "journal.log"


def optuna_storage(folder: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(journal_of(folder))))


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size in bytes: a write ends in its middle, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class TestJournal(InItsFolder):
    """In the study's folder, as on a network file system."""

    def url(self, tmp_path: Path) -> str:
        del tmp_path
        return "journal"

    def optuna_storage(self, store: Store) -> JournalStorage:
        return optuna_storage(store._backend._file.path.parent)

    def refuse_writes(self, store: Store) -> None:
        path = store._backend._file.path
        path.unlink()
        path.mkdir()

    def test_the_pointer_says_that_it_is_in_the_folder(self, create, folder):
        create()
        pointer = json.loads((folder / STUDY_FILE).read_text())
        assert (pointer["storage"], pointer["file"]) == (None, "journal.log")
        for storage in (None, "journal", "sqlite"):  # what is there is opened, whatever is said
            store = Store.open(folder, storage)
            assert store.get("seed") == 0
            store.close()
        assert {path.name for path in folder.iterdir()} == {STUDY_FILE, "journal.log"}

    def test_optunas_own_file_backend_reads_and_writes_it(self, create, reopen, folder):
        store = create()
        add(store, 0, StopReason.FINISHED, 0.5, 0.75)
        study = optuna.load_study(study_name="sample/search", storage=optuna_storage(folder))
        assert study.best_value == 0.75
        study.set_user_attr("note", "é 你")
        study.add_trial(optuna.trial.create_trial(value=1.0))
        with pytest.raises(StudyError, match="trial 1 became 2"):
            store.create_trial(running(1), CONFIG.space)
        assert len(study.trials) == 2  # nothing was written
        again = reopen()
        assert again.get("note") == "é 你"
        assert len(again.records(Stage.SEARCH)) == 2

    def test_a_batch_is_one_append(self, create, monkeypatch):
        store = create()
        add(store, 0, None)
        syncs, sync = [], os.fsync
        monkeypatch.setattr(os, "fsync", lambda descriptor: syncs.append(sync(descriptor)))
        for measurement in measurements(0.25, 0.5, 0.75):
            store.add_measurement(Stage.SEARCH, 0, measurement, "score")
        store.end_trial(Stage.SEARCH, 0, Decision(StopReason.FINISHED), history=measurements(0.25, 0.5, 0.75), **END)
        store.flush()
        assert len(syncs) == 1

    def test_a_missing_file_is_no_study(self, create, folder):
        create().close()
        journal_of(folder).unlink()
        with pytest.raises(StudyNotFoundError, match=r"its store journal\.log is missing"):
            Store.open(folder)
        assert not journal_of(folder).exists()

    def test_a_file_that_goes_away_is_one_clear_error(self, create, folder):
        store = create()
        add(store, 0, None)
        journal_of(folder).unlink()
        with pytest.raises(StudyError, match=r"its store journal:.*journal\.log can't be written: No such file"):
            store.put("done", value=True)
        with pytest.raises(InputError, match=r"can't be opened as a store: No such file"):
            store.reload()

    @pytest.mark.parametrize("content", [b"not a journal\nbut\nlines\n", b"{}\n{}\n", b'"a"\n' * 3, b"\x00\xff\n\n\n"])
    def test_a_file_of_something_else_is_refused(self, create, folder, content):
        create().close()
        journal_of(folder).write_bytes(content)
        with pytest.raises(InputError, match=r"can't be opened as a store: line 1 is damaged") as caught:
            Store.open(folder)
        assert "\n" not in str(caught.value)
        assert journal_of(folder).read_bytes() == content

    def test_lines_that_mean_nothing_are_refused(self, create, folder):
        create().close()
        journal_of(folder).write_bytes(b'{"op_code":7}\n{"op_code":7}\n')
        with pytest.raises(InputError, match="can't be opened as a store: is no journal that this version of Optuna"):
            Store.open(folder)

    @pytest.mark.parametrize("file", ["../study.db", "/etc/passwd", "other.db", 1, None])
    def test_a_pointer_to_another_file_is_not_followed(self, create, folder, file):
        create().close()
        pointer = json.loads((folder / STUDY_FILE).read_text()) | {"file": file}
        (folder / STUDY_FILE).write_text(json.dumps(pointer))
        with pytest.raises(StudyNotFoundError, match="names a store that this hpsearch does not know"):
            Store.open(folder)

    def test_a_damaged_line_in_the_middle_is_named(self, create, reopen, folder):
        store = create()
        add(store, 0, StopReason.FINISHED, 0.5)
        lines = journal_of(folder).read_bytes().splitlines(keepends=True)
        lines[6] = lines[6][:20] + lines[6][25:]
        journal_of(folder).write_bytes(b"".join(lines))
        with pytest.raises(InputError, match="line 7 is damaged; allowed: "):
            reopen()
        assert journal_of(folder).read_bytes() == b"".join(lines)


class TestTornTails:
    """What a kill or a power cut leaves at the end of the file."""

    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        store = Store.create(tmp_path, "sample", "journal", Direction.MAXIMIZE, {"seed": 0})
        add(store, 0, StopReason.FINISHED, 0.5, 0.75)
        add(store, 1, None, 0.25)
        store.close()
        return tmp_path

    def test_at_every_byte_readers_see_whole_lines_and_a_driver_finds_only_those(self, folder, caplog):
        path = journal_of(folder)
        content = path.read_bytes()
        lines = content.splitlines(keepends=True)
        logs = [json.loads(line) for line in lines]
        start = len(content) - sum(map(len, lines[-3:]))
        for end in range(start, len(content)):
            path.write_bytes(content[:end])
            journal = JournalFile(path, make=False)
            whole = content[:end].count(b"\n")
            assert list(journal.read_logs(0)) == folded(copy.deepcopy(logs[:whole]))
            assert path.read_bytes() == content[:end]  # reading changes nothing
            caplog.clear()
            journal.cut()
            assert path.read_bytes() == b"".join(lines[:whole])
            assert ("was cut short" in caplog.text) is (content[end - 1 : end] != b"\n")
            if end % 20 == 0:  # each append is synced to the disk
                journal.append_logs(logs[whole:])
                assert path.read_bytes() == content
                assert list(journal.read_logs(1)) == logs[whole:]
        assert {found.name for found in folder.iterdir()} == {STUDY_FILE, "journal.log"}

    @pytest.mark.parametrize(
        "tail", [b'{"op_code":7,"wor', b"\0" * 700, b'{"op_code":7,"wor{"op_code":2}\n', b"{}\n", b"\n"]
    )
    def test_a_driver_takes_it_away_and_readers_leave_it(self, folder, tail, caplog):
        path = journal_of(folder)
        content = path.read_bytes()
        path.write_bytes(content + tail)
        reader, driver = Store.open(folder), Store.open(folder)
        assert len(reader.records(Stage.SEARCH)) == 2
        assert path.read_bytes() == content + tail
        lock = driver.lock()
        lock.acquire()
        assert path.read_bytes() == content
        assert f"journal.log: its last line was cut short and is taken away ({len(tail)} bytes)" in caplog.text
        driver.reload()
        driver.end_trial(Stage.SEARCH, 1, Decision(StopReason.FINISHED), history=measurements(0.25, 0.5), **END)
        driver.flush()
        reader.reload()
        assert contents(reader) == contents(driver)
        lock.release()
        study = optuna.load_study(study_name="sample/search", storage=optuna_storage(folder))
        assert [trial.value for trial in study.trials] == [0.75, 0.5]

    def test_a_tail_that_another_program_left_meanwhile_does_not_spoil_what_follows(self, folder):
        store = Store.open(folder)
        with journal_of(folder).open("ab") as file:
            file.write(b'{"op_code":7,"wor' + 5000 * b"x")
        store.put("done", value=True)
        assert Store.open(folder).get("done") is True
        assert b"xx" not in journal_of(folder).read_bytes()

    @pytest.mark.slow
    def test_a_resume_from_any_of_them_is_the_same_study(self, bench):
        space = bench.space("climb", search={"sampler": "random", "trials": 3}, finalists={"configs": 1, "seeds": 2})
        whole = results(bench.run(space, name="whole", storage="journal"))
        bench.stop_at(TrialScored, 2)
        with pytest.raises(Stop):
            bench.run(space, name="killed", storage="journal")
        bench.watch = lambda _: None
        killed = bench.studies / "killed"
        content = journal_of(killed).read_bytes()
        ends = [match.end() for match in re.finditer(b"\n", content)][-4:]
        cuts = [end + more for end in ends[:-1] for more in (0, 1, 40)] + [ends[-1] - 1]
        for cut in cuts:
            journal_of(killed).write_bytes(content[:cut])
            folder = shutil.copytree(killed, bench.studies / f"cut-{cut}")
            assert results(bench.resume(folder)) == whole, cut


class TestWrites:
    """What a full disk or a killed writer does."""

    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        Store.create(tmp_path, "sample", "journal", Direction.MAXIMIZE, {"seed": 0}).close()
        return tmp_path

    def test_what_a_full_disk_keeps_from_being_whole_is_not_there_at_all(self, folder):
        store = Store.open(folder)
        add(store, 0, None)
        content = journal_of(folder).read_bytes()
        store.add_measurement(Stage.SEARCH, 0, measurements(0.5)[0], "score")
        store.end_trial(Stage.SEARCH, 0, Decision(StopReason.FINISHED), history=measurements(0.5), **END)
        with full_disk(len(content) + 700), pytest.raises(StudyError, match="can't be written: File too large; fix"):
            store.flush()
        assert journal_of(folder).read_bytes() == content
        store.put("done", value=True)
        again = Store.open(folder)
        assert again.record(Stage.SEARCH, 0).stop_reason is None
        again.end_trial(Stage.SEARCH, 0, Decision(StopReason.FINISHED), history=measurements(0.5), **END)
        again.flush()
        assert contents(Store.open(folder)) == contents(again)

    def test_a_writer_killed_in_an_append_does_not_hold_up_the_next(self, folder):
        script = (
            "import os, signal, sys; from pathlib import Path; from hpsearch.store.journal import JournalFile\n"
            "with JournalFile(Path(sys.argv[1]), make=False)._locked(): os.kill(os.getpid(), signal.SIGKILL)"
        )
        subprocess.run([sys.executable, "-c", script, journal_of(folder)], check=False)
        lock_file = folder / "journal.log.lock"
        assert lock_file.exists()
        store = Store.open(folder)
        store.put("done", value=True)
        assert not lock_file.exists()

    def test_an_append_waits_for_another_programs(self, folder):
        theirs = JournalFileOpenLock(str(journal_of(folder)))
        theirs.acquire()
        store = Store.open(folder)
        writer = threading.Thread(target=store.put, args=("done", True))
        writer.start()
        size = journal_of(folder).stat().st_size
        writer.join(0.2)
        assert writer.is_alive()
        assert journal_of(folder).stat().st_size == size
        theirs.release()
        writer.join(60)
        assert Store.open(folder).get("done") is True

    def test_a_lock_that_never_comes_free_is_one_clear_error(self, folder, monkeypatch):
        monkeypatch.setattr(store_journal, "_WAIT_S", 0.05)
        JournalFileOpenLock(str(journal_of(folder))).acquire()
        with pytest.raises(StudyError, match=r"can't be written: .*journal\.log\.lock has been held for 0 s"):
            Store.open(folder).put("done", value=True)
        with pytest.raises(StudyError, match=r"study sample: can't be locked in .*journal\.log\.lock has been held"):
            Store.open(folder).lock().acquire()
        assert not (folder / "driver.lock").exists()

    def test_many_threads_and_optuna_itself_lose_nothing(self, folder):
        stores = [Store.open(folder) for _ in range(3)]
        study = optuna.load_study(study_name="sample/search", storage=optuna_storage(folder))

        def write(index: int) -> None:
            for turn in range(10):
                if index < len(stores):
                    stores[index].put(f"{index}-{turn}", turn)
                else:
                    study.set_user_attr(f"{index}-{turn}", turn)

        threads = [threading.Thread(target=write, args=(index,)) for index in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        again = Store.open(folder)
        assert [again.get(f"{index}-{turn}") for index in range(4) for turn in range(10)] == 4 * list(range(10))


class TestChoice:
    """Which store a new study gets."""

    @pytest.mark.parametrize(
        ("network", "storage", "file"),
        [
            (False, None, "study.db"),
            (True, None, "journal.log"),
            (False, "journal", "journal.log"),
            (True, "sqlite", "study.db"),
        ],
    )
    def test_a_network_file_system_gets_a_journal(self, tmp_path, monkeypatch, network, storage, file):
        asked = []
        monkeypatch.setattr(location, "is_network", lambda path: asked.append(path) or network)
        Store.create(tmp_path, "sample", storage, Direction.MAXIMIZE, {}).close()
        assert (tmp_path / file).is_file()
        assert len({"study.db", "journal.log"} & {path.name for path in tmp_path.iterdir()}) == 1
        assert asked == ([tmp_path] if storage is None else [])
        Store.open(tmp_path).close()

    def test_a_journal_elsewhere_is_refused(self, tmp_path):
        with pytest.raises(InputError, match=r"--storage journal:////x/y.log: .* allowed: journal$"):
            Store.create(tmp_path, "sample", "journal:////x/y.log", Direction.MAXIMIZE, {})
        assert not [*tmp_path.iterdir()]

    @pytest.mark.parametrize("storage", ["journal", "sqlite"])
    def test_the_words_are_no_urls_of_a_store_that_is_elsewhere(self, tmp_path, storage):
        url = f"sqlite:///{tmp_path}/shared.db"
        Store.create(tmp_path, "sample", url, Direction.MAXIMIZE, {}).close()
        with pytest.raises(InputError, match="give it with --storage or HPSEARCH_STORAGE"):
            Store.open(tmp_path, storage)
        Store.open(tmp_path, url).close()

    def test_a_study_of_before_there_were_journals_opens(self, tmp_path):
        Store.create(tmp_path, "sample", None, Direction.MAXIMIZE, {"seed": 3}).close()
        pointer = json.loads((tmp_path / STUDY_FILE).read_text())
        del pointer["file"]
        (tmp_path / STUDY_FILE).write_text(json.dumps(pointer))
        assert Store.open(tmp_path).get("seed") == 3


@pytest.mark.slow
def test_a_killed_driver_of_the_command_line(cli, space_file):
    """Killed with SIGKILL, and its last line cut short: the study is the same, and says what was taken away."""
    space_file(objective={"epochs": 4}, search={"trials": 4}, finalists={"configs": 1, "seeds": 2})
    options = ("run", "sample.yaml", "--executor", "inline", "--storage", "journal", "--name")
    cli.run_warm(*options, "whole")
    cli.audit.write_text("")
    process = cli.start_warm(*options, "killed", SAMPLE_HOLD="6")
    wait_until(lambda: len(cli.audited()) >= 6, 120, "six epochs")
    refused = cli.run_warm("resume", "killed", "--executor", "inline", code=2)
    assert f"is being run by process {process.pid} on host" in refused.stderr
    process.kill()
    process.communicate()
    folder = cli.folder / "studies" / "killed"
    assert (folder / "driver.lock").is_file()
    with journal_of(folder).open("ab") as file:
        file.write(b'{"op_code":7,"wor')
    shown = json.loads(cli.run_warm("show", "killed", "--json").stdout)
    assert shown["state"] == "unfinished"
    resumed = cli.run_warm("resume", "killed", "--executor", "inline")
    assert "its last line was cut short and is taken away (17 bytes)" in resumed.stderr
    assert "studies/killed/journal.log" in cli.run_warm("show", "killed").stdout
    trials = [json.loads(cli.run_warm("show", name, "--json").stdout) for name in ("whole", "killed")]
    whole, killed = ([{**t, "seconds": 0, "dir": ""} for t in one["trials"]] for one in trials)
    assert killed == whole
    assert {path.name for path in folder.glob("*.lock*")} == set()
