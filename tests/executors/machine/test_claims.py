"""What the studies of one machine tell each other, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hpsearch.errors import ResourceError
from hpsearch.executors.machine.claims import VARIABLE, Claim, choosing, claims_folder
from support.waiting import wait_until

HOLD = """
import sys
from pathlib import Path
from hpsearch.executors.machine.claims import Claim, choosing
with choosing(Path(sys.argv[1])) as choice:
    held = choice.take(Claim(study=sys.argv[2], pid=1, cpus=2, gpus=("GPU-a",)))
print("held", flush=True)
sys.stdin.read()
held.close()
print("closed", flush=True)
sys.stdin.read()
"""
FORK = """
import os, sys
from pathlib import Path
from hpsearch.executors.machine.claims import Claim, choosing
with choosing(Path(sys.argv[1])) as choice:
    held = choice.take(Claim(study="cnn", pid=1))
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
held._path = None  # as if the file could not be removed
held.close()
print("closed", flush=True)
os.wait()
"""
RACE = """
import sys
from pathlib import Path
from hpsearch.executors.machine.claims import Claim, choosing
sys.stdin.readline()
with choosing(Path(sys.argv[1])) as choice:
    taken = {gpu for claim in choice.others for gpu in claim.gpus}
    mine = next(name for name in "abcdef" if name not in taken)
    held = choice.take(Claim(study="race", pid=int(sys.argv[2]), gpus=(mine,)))
print(mine, flush=True)
sys.stdin.read()
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def claims(folder: Path) -> tuple[Claim, ...]:
    with choosing(folder) as choice:
        return choice.others


def test_a_claim_is_seen_until_it_is_closed(tmp_path):
    claim = Claim(study="cnn", pid=123, cpus=4, cores=(0, 1), gpus=("GPU-a",))
    with choosing(tmp_path) as choice:
        held = choice.take(claim)
    assert claims(tmp_path) == (claim,)
    assert claim.text == "study cnn (process 123)"
    held.close()
    held.close()
    assert list(tmp_path.iterdir()) == []


def test_the_last_study_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with choosing() as choice:
        first = choice.take(Claim(study="first", pid=1))
    with choosing() as choice:
        second = choice.take(Claim(study="second", pid=2))
    first.close()
    assert [claim.study for claim in claims(claims_folder())] == ["second"]
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_was_removed_is_not_taken_for_the_lock(tmp_path):
    with choosing(tmp_path):
        (tmp_path / "choosing").unlink()
        with choosing(tmp_path) as choice, choice.take(Claim(study="cnn", pid=1)):
            assert [path.suffix for path in tmp_path.iterdir() if path.name != "choosing"] == [".claim"]


def test_a_killed_study_has_no_claim(tmp_path):
    holder = start(HOLD, tmp_path, "cnn")
    assert holder.stdout.readline() == "held\n"
    assert [claim.study for claim in claims(tmp_path)] == ["cnn"]
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert claims(tmp_path) == ()
    assert not list(tmp_path.glob("*.claim"))


def test_a_claim_goes_with_its_study_though_a_forked_child_lives_on(tmp_path):
    holder = start(FORK, tmp_path)
    assert holder.stdout.readline() == "closed\n"
    assert list(tmp_path.glob("*.claim"))
    assert claims(tmp_path) == ()
    assert not list(tmp_path.glob("*.claim"))
    holder.communicate("")


def test_studies_that_start_at_once_choose_different_gpus(tmp_path):
    racers = [start(RACE, tmp_path, number) for number in range(4)]
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert sorted(racer.stdout.readline().strip() for racer in racers) == ["a", "b", "c", "d"]
    for racer in racers:
        racer.communicate("")


def test_nobody_chooses_while_another_does(tmp_path, monkeypatch):
    monkeypatch.setattr("hpsearch.executors.machine.claims._WAIT_S", 0.05)
    with choosing(tmp_path), pytest.raises(ResourceError, match="another study has held this lock"), choosing(tmp_path):
        pass


def test_the_folder_is_its_users_alone(tmp_path):
    folder = tmp_path / "claims"
    folder.mkdir(mode=0o755)
    with choosing(folder) as choice, choice.take(Claim(study="cnn", pid=1)):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_link_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    with (
        pytest.raises(ResourceError, match=f"is a link or a file; allowed: .* {VARIABLE}"),
        choosing(tmp_path / "link"),
    ):
        pass


def test_the_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(ResourceError, match="is the folder of another user"), choosing(tmp_path):
        pass


def test_without_a_place_studies_do_not_see_each_other(tmp_path):
    with choosing(tmp_path / "missing" / "folder") as choice:
        assert "No such file" in choice.notice
        choice.take(Claim(study="cnn", pid=1)).close()
        assert choice.others == ()


def test_what_another_version_wrote_is_passed_over(tmp_path):
    with choosing(tmp_path) as choice:
        held = choice.take(Claim(study="cnn", pid=1))
    path = next(tmp_path.glob("*.claim"))
    path.write_text('{"study": "cnn"}')
    assert claims(tmp_path) == ()
    assert path.exists()
    held.close()


def test_the_folder_can_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "shared"))
    assert claims_folder() == tmp_path / "shared"
    monkeypatch.delenv(VARIABLE)
    assert claims_folder().name == f"hpsearch-{os.geteuid()}"


def test_a_claim_is_given_back_by_its_process(tmp_path):
    holder = start(HOLD, tmp_path, "cnn")
    assert holder.stdout.readline() == "held\n"
    holder.stdin.close()
    assert holder.stdout.readline() == "closed\n"
    wait_until(lambda: claims(tmp_path) == (), what="the claim's end")
    holder.kill()
    holder.wait()
    holder.stdout.close()


def test_studies_that_come_and_go_always_meet(tmp_path):
    code = """
import sys
from pathlib import Path
from hpsearch.executors.machine.claims import Claim, choosing
for number in range(60):
    with choosing() as choice:
        assert not choice.notice, choice.notice
        taken = {gpu for claim in choice.others for gpu in claim.gpus}
        mine = next(name for name in "abc" if name not in taken)
        held = choice.take(Claim(study="race", pid=number, gpus=(mine,)))
    (Path(sys.argv[1]) / mine).mkdir()  # an error if another has it
    (Path(sys.argv[1]) / mine).rmdir()
    held.close()
print("done")
"""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE} | {"TMPDIR": str(tmp_path)}
    studies = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    assert [study.communicate(timeout=100)[0] for study in studies] == ["done\n"] * 3
    assert list(tmp_path.iterdir()) == []
