"""Whatever stands on the command line: exit code 0 or 2, a line that says why, and nothing left behind by an error."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hpsearch.cli.options import ExecutorName, WorkerOptions, places
from hpsearch.config.budget import as_overrides, parse_changes, parse_duration
from hpsearch.errors import StudyNotFoundError
from hpsearch.executors.planning import claimed_resources
from hpsearch.store.connection import connect
from hpsearch.store.folders import find_folder, new_folder, unused_name
from hpsearch.store.url import redact
from support.bench import begin
from support.cli import invoke
from support.fuzzing import HOSTILE, SMALL, broken_files, cases, checked, listing, refusal, texts
from support.paths import TESTS

TINY = {"search": {"trials": 2, "sampler": "random"}, "objective": {"epochs": 1}, "finalists": None, "ensemble": None}


def test_ten_thousand_cases_are_generated():
    planned = [
        int(count)
        for path in TESTS.rglob("test_fuzz_*.py")
        for count in re.findall(r"(?m)^@cases\((\d+)\)", path.read_text())
    ]
    assert sum(planned) >= 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a finished study and some files."""
    made = tmp_path_factory.mktemp("command")
    with pytest.MonkeyPatch.context() as patch:
        bench = begin(made, patch)
        bench.run(bench.space("climb", **TINY))
        bench.close()
    (made / "train.yaml").write_text("optimizer: {lr: 0.5}\n")
    return made


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


AWKWARD = (
    "..",
    ".",
    "-x",
    "--",
    "a/b",
    "/tmp/x",
    "~",
    "sample",
    "sample-2",
    "CON",
    "a" * 100,
    "a" * 101,
    "é",
    "\uff53ample",
)
study_names = st.one_of(
    st.sampled_from(AWKWARD + HOSTILE),
    texts,
    st.lists(st.sampled_from(["..", "/", ".", "a", "-", "\0", "\n", "~", "sample"]), max_size=6).map("".join),
)


@cases(1700)
@given(name=study_names)
def test_a_study_s_name_is_a_folder_of_the_studies_directory_or_is_refused(folder, name):
    studies = folder / "studies"
    made: list[Path] = []
    if refusal(lambda: made.append(new_folder(studies, name))) is None:
        assert made[0].parent == studies.resolve()
        assert made[0].name == name
        assert unused_name(studies, name).startswith(name[:90])
    try:
        find_folder(studies, name)
    except StudyNotFoundError as error:
        checked(str(error))


BUDGETS = (
    *("0123456789.,=- hdms", "h", "min", "epochs=", "trials=", "none", "gpu_hours=", "time=", "9" * 400, "inf", "nan"),
    *("1e5", "\u0663", "1", "2", "0", ",", "=", " "),
)


@cases(1700)
@given(text=texts | st.lists(st.sampled_from(BUDGETS), max_size=8).map("".join))
@example(text="9" * 400 + "h")
@example(text="epochs=" + "9" * 5000)
def test_a_budget_is_limits_or_is_refused(text):
    if refusal(lambda: parse_changes(text)) is None:
        as_overrides(text)
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 < seconds < float("inf")


WORDS = st.one_of(
    texts, st.sampled_from(HOSTILE), st.integers().map(str), st.sampled_from(["auto", "1" * 5000, "\u00b2", "\u0663"])
)


@cases(500)
@given(
    packing=WORDS,
    place=st.lists(WORDS | st.just("lr=a.b"), max_size=2),
    address=WORDS,
    gpus=st.none() | st.integers(1, 2**70),
)
def test_other_options_are_taken_or_refused(packing, place, address, gpus):
    refusal(lambda: places(place))

    def request() -> None:
        options = WorkerOptions(gpus=gpus, trials_per_gpu=packing, ray_address=address, executor=ExecutorName.INLINE)
        with claimed_resources(options.request(), 3, "sample"):
            pass

    refusal(request)


DIALECTS = (
    "sqlite",
    "sqlite+pysqlite",
    "postgresql",
    "mysql+nothing",
    "oracle",
    "mssql",
    "nothing",
    "journal",
    "file",
    "",
)
HIDDEN = "s3cr3tw0rd"
urls = st.builds(
    "{}:{}{}{}{}".format,
    st.sampled_from(DIALECTS),
    st.sampled_from(["//", "///", "////", "", "/"]),
    st.sampled_from(["", f"me:{HIDDEN}@127.0.0.1:1/", f"me:{HIDDEN}/x@127.0.0.1:1/", "127.0.0.1:port/", "[::1/"]),
    st.sampled_from(["", "made.db", "no/such/made.db", ":memory:", "studies", "\0", "file:x", "\ud800", "x" * 300])
    | texts.filter(lambda t: "/" not in t and "~" not in t),
    st.sampled_from(
        [
            "",
            f"?password={HIDDEN}",
            f"?sslpassword={HIDDEN}&x=1",
            "?uri=true",
            "?timeout=x",
            "?foo=bar",
            "?factory=1",
            "?",
        ]
    ),
)


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # on options that SQLite does not have
@cases(400)
@given(url=urls | texts)
def test_a_storage_url_is_opened_or_is_refused_without_its_password(tmp_path_factory, url):
    here = tmp_path_factory.getbasetemp() / "urls"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir()
    (here / "studies").mkdir()
    os.chdir(here)  # the fixture of each test goes back
    assert HIDDEN not in redact(url)
    message = refusal(lambda: connect(url, make=True).close())
    assert HIDDEN not in str(message)
    if message is not None:
        assert set(listing(here)) <= {"studies"}


@cases(80)
@given(content=broken_files(SMALL), name=st.none() | study_names, override=st.none() | texts)
def test_a_command_with_a_broken_file_makes_nothing(folder, content, name, override):
    (folder / "broken.yaml").write_bytes(content)
    before = listing(folder)
    options = [*([] if name is None else [f"--name={name}"]), *([] if override is None else [f"--set={override}"])]
    result = invoke("run", "broken.yaml", "--executor", "inline", "--studies", "new", *options, code=(0, 2))
    assert result.exit_code == 2, "there is no such module"
    said = result.stderr
    assert said.startswith(("error: ", "Usage: "))
    if said.startswith("error: "):
        checked(said.removesuffix("\n"))
    assert listing(folder) == before


ARGUMENTS: dict[str, list[str]] = {
    "show": ["--trial", "--top", "--csv", "--json", "--storage"],
    "export": ["--to", "--key", "--format", "--map", "--trial", "--branch", "--ensemble"],
    "resume": ["--trials", "--budget", "--gpus", "--trials-per-gpu"],
    "verify": ["--from", "--key", "--map", "--trial", "--seeds"],
    "import": ["--to", "--format"],
    "init": ["--to", "--script"],
    "list": ["--studies", "--storage"],
}
FILES = [
    "train.yaml",
    "sample",
    "studies",
    "best.yaml",
    "best.json",
    "-",
    "0",
    "1",
    "99",
    "optimizer",
    ".",
    "lr=lr",
    "yaml",
]


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    command = draw(st.sampled_from(sorted(ARGUMENTS)))
    words = st.sampled_from(FILES) | texts
    line = [command, *([] if command == "list" else [draw(st.sampled_from(["sample", "train.yaml"]) | words)])]
    options = draw(st.lists(st.sampled_from(ARGUMENTS[command]), max_size=3, unique=True))
    line += [one if one in ("--json", "--ensemble") else f"{one}={draw(words)}" for one in options]
    if command in ("resume", "verify"):
        line += ["--executor", "inline", "--workers", "7"]  # which do not go together: nothing is trained
    return line


def is_inside(line: list[str]) -> bool:
    """Whether nothing on a line names a file elsewhere."""
    return not any("/" in word or "~" in word or "\\" in word for word in line)


@cases(120)
@given(line=command_lines().filter(is_inside))
def test_any_command_line_ends_with_0_or_2_and_an_error_changes_nothing(folder, tmp_path_factory, line):
    here = tmp_path_factory.getbasetemp() / "lines"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(folder, here)
    os.chdir(here)
    before = files(here)
    result = invoke(*line, code=(0, 2))
    if result.exit_code == 2:
        assert files(here) == before
        if result.stderr.startswith("error: "):
            checked(result.stderr.removesuffix("\n"))


def files(folder: Path) -> dict[str, Any]:
    """Return what lies in a folder, but for what SQLite keeps beside a database that is open."""
    return {name: data for name, data in listing(folder).items() if not name.endswith(("-wal", "-shm"))}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("run", "sample.yaml", "--set", "objective.epochs=[" * 400), {}),
        (("run", "sample.yaml", "--name", b"\xff\xfe".decode(errors="surrogateescape")), {}),
        (("run", "sample.yaml", "--set", 'metric="\\ud800"'), {}),
        (("run", "bomb.yaml"), {}),
        (("run", "sample.yaml", "--trials-per-gpu", "1" * 5000), {}),
        (("show", "a\nb\x1b[31m"), {}),
        (("list", "--studies", "\x1b[2J"), {}),
    ],
)
def test_the_real_command_says_it_in_a_line(cli, space_file, arguments, environment):
    space_file()
    (cli.folder / "bomb.yaml").write_text(
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    )
    before = listing(cli.folder)
    done = cli.start_warm(*arguments, **environment)
    out, err = done.communicate(timeout=60)
    assert done.returncode in (0, 2), err
    assert out == ""
    assert len(err.splitlines()) == 1
    checked(err.removesuffix("\n"))
    assert listing(cli.folder) == before
