"""Tries hpsearch with the oldest and the newest versions that its ranges allow, on each Python that has wheels.

`uv run python .ci/try_versions.py [--python 3.13] [--resolution lowest-direct] [--no-tests]`

Each environment is made in a temporary folder and removed again. There the command runs a smoke test and a small study,
lists and shows it; then the extras are added and a part of the tests runs. The exit code is 1 where anything failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESOLUTIONS = ("lowest-direct", "highest")
FIRST_MINOR = 11
TIME_LIMIT_S = 1800.0
SHOWN_LINES = 40
PASSED, FAILED = "passed", "FAILED"
SPACE = "spaces/cnn.yaml"
SMALL = ("--trials", "3", "--set", "objective.epochs=2", "--set", "finalists.configs=1", "--set", "finalists.seeds=2")
# Where the libraries are called most: their arguments, their files and their numbers.
TESTS = (
    *("config", "export/test_export_formats.py", "report", "samplers", "selection"),
    *("objectives/frameworks", "objectives/command/test_command_scripts.py", "space", "store", "study", "vision"),
)
LEFT_OUT = (
    "any_logs",  # Optuna 4 knows fewer operations of its journal than the logs of this test have
    "fuzz",  # many inputs for our own code, whatever the libraries are
)


@dataclass(frozen=True, kw_only=True)
class Project:
    """A copy of the project outside its tree, and what it needs.

    Attributes:
        folder: The copy.
        wheel: The project's wheel.
        dependencies: The requirements without which it can't be used.
        extras: The requirements of all extras and of the tests.
    """

    folder: Path
    wheel: Path
    dependencies: tuple[str, ...]
    extras: tuple[str, ...]


class CommandError(Exception):
    """A command failed; the text is the end of what it printed."""


@dataclass(kw_only=True)
class Attempt:
    """One Python with one choice of versions, and what came out of it: a column of the table.

    Attributes:
        python: As it was asked for, such as `3.13`.
        resolution: What `uv` calls the choice: `lowest-direct` or `highest`.
        place: The environment's folder.
        versions: Of Python and of what was asked for, by name, as they were installed.
        checks: `passed` or `FAILED` by the check's name, in the order in which they ran.
    """

    python: str
    resolution: str
    place: Path
    versions: dict[str, str] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)

    def check(self, name: str, action: Callable[[], object]) -> bool:
        """Do something and note whether it failed; print it, with the end of the output of what failed."""
        start, said = time.monotonic(), ""
        try:
            action()
        except CommandError as error:
            said = "\n" + _indented(str(error))
        self.checks[name] = FAILED if said else PASSED
        took_s = time.monotonic() - start
        print(f"Python {self.python}, {self.resolution}: {name} {self.checks[name]} ({took_s:.0f} s){said}", flush=True)
        return not said

    def install(self, requirements: Sequence[str]) -> None:
        """Install wheels, at the oldest or newest versions, and note which versions they are.

        Raises:
            CommandError: There are no such versions.
        """
        # What has no wheel would be compiled; antlr4 never has one, and it is pure Python.
        wheels = ["--only-binary", ":all:", "--no-binary", "antlr4-python3-runtime"]
        how = ["--quiet", "--python", str(self.place), "--resolution", self.resolution, *wheels]
        _uv(["pip", "install", *how, *requirements], self.place.parent)
        installed = json.loads(
            _uv(["pip", "list", "--quiet", "--format", "json", "--python", str(self.place)], self.place.parent)
        )
        self.versions |= {_key(one["name"]): one["version"] for one in installed}

    def command(self, program: str, *arguments: str, cwd: Path) -> str:
        """Run a program of the environment, away from the studies and settings of the user.

        Raises:
            CommandError: It failed.
        """
        ours = ("HPSEARCH", "PYTHON", "RAY_", "VIRTUAL_ENV")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment["PATH"] = f"{self.place / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
        environment |= {"HPSEARCH_CLAIMS": str(self.place / "claims"), "RAY_USAGE_STATS_ENABLED": "0"}
        return _run([str(self.place / "bin" / program), *arguments], cwd, environment)


def main() -> int:
    """Try all combinations that were asked for, and print the table.

    Returns:
        1 where a check failed or nothing could be tried, else 0.
    """
    options = _options()
    with tempfile.TemporaryDirectory(prefix="hpsearch-versions-") as name:
        folder = Path(name).resolve()
        if folder.is_relative_to(ROOT):
            sys.exit(f"error: the temporary folder {folder} lies in the tree; set TMPDIR to another one")
        project = _copied(folder)
        attempts = list(_attempts(options, project, folder))
    print("\n" + _table(attempts, [*project.dependencies, *project.extras]))
    return int(not attempts or any(FAILED in attempt.checks.values() for attempt in attempts))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", metavar="3.N", help="a version or an executable; can be repeated")
    parser.add_argument("--resolution", action="append", choices=RESOLUTIONS, help="can be repeated")
    parser.add_argument("--no-tests", dest="tests", action="store_false", help="the command alone, without the extras")
    return parser.parse_args()


def _copied(folder: Path) -> Project:
    """Copy the files that git does not ignore, and build the wheel from the copy: the tree stays as it is."""
    files = _run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT).split("\0")
    copy = folder / "project"
    for file in filter(None, files):
        if (ROOT / file).is_file():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, copy / file)
    _uv(["build", "--quiet", "--wheel", "--out-dir", str(folder / "wheel"), str(copy)], folder)
    described = tomllib.loads((copy / "pyproject.toml").read_text(encoding="utf-8"))
    extras = [needed for extra in described["project"]["optional-dependencies"].values() for needed in extra]
    return Project(
        folder=copy,
        wheel=next((folder / "wheel").glob("*.whl")),
        dependencies=tuple(described["project"]["dependencies"]),
        extras=(*extras, *described["dependency-groups"]["test"]),
    )


def _attempts(options: argparse.Namespace, project: Project, folder: Path) -> Iterator[Attempt]:
    for python in options.python or _pythons_with_wheels(project, folder):
        executable = _found(python, folder)
        if executable is None:
            print(f"Python {python}: skipped, there is none here", flush=True)
            continue
        for resolution in options.resolution or RESOLUTIONS:
            attempt = Attempt(python=python, resolution=resolution, place=folder / "environment")
            try:
                _try(attempt, executable, project, tests=options.tests)
            finally:
                shutil.rmtree(attempt.place, ignore_errors=True)
            yield attempt


def _pythons_with_wheels(project: Project, folder: Path) -> Iterator[str]:
    """Yield each Python, from the first one on, that all dependencies have wheels for; it need not be here."""
    needed = folder / "dependencies.txt"
    needed.write_text("\n".join(project.dependencies), encoding="utf-8")
    for minor in range(FIRST_MINOR, 100):
        version = f"3.{minor}"
        try:
            _uv(
                ["pip", "compile", "--quiet", "--only-binary", ":all:", "--python-version", version, str(needed)],
                folder,
            )
        except CommandError as error:
            print(f"Python {version}: skipped, not all dependencies have wheels\n{_indented(str(error))}", flush=True)
            return
        yield version


def _found(python: str, folder: Path) -> str | None:
    """Return the executable of a Python that is on the search path or among pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    places = [os.environ.get("PATH", ""), *(str(place) for place in sorted(pyenv.glob("versions/*/bin")))]
    environment = {**os.environ, "PATH": os.pathsep.join(places)}
    environment.pop("VIRTUAL_ENV", None)
    find = ["uv", "python", "find", "--no-project", "--no-python-downloads", python]
    try:
        return _run(find, folder, environment).splitlines()[-1]
    except CommandError:
        return None


def _try(attempt: Attempt, executable: str, project: Project, *, tests: bool) -> None:
    """Make the environment and check all that can be checked in it: a check that fails does not end the others."""
    copy, place = project.folder, attempt.place
    _uv(["venv", "--quiet", "--no-project", "--python", executable, str(place)], place.parent)
    attempt.versions["python"] = attempt.command(
        "python", "-c", "import platform; print(platform.python_version())", cwd=copy
    )
    if not attempt.check("install", lambda: attempt.install([*project.dependencies, str(project.wheel)])):
        return
    attempt.check("smoke", lambda: attempt.command("hpsearch", "run", SPACE, "--smoke", cwd=copy))
    studies = ["--studies", str(place / "studies")]
    attempt.check("study", lambda: attempt.command("hpsearch", "run", SPACE, *SMALL, *studies, cwd=copy))
    attempt.check("list", lambda: attempt.command("hpsearch", "list", *studies, cwd=copy))
    attempt.check("show", lambda: attempt.command("hpsearch", "show", "cnn", *studies, cwd=copy))
    if not tests:
        return
    if attempt.check("extras", lambda: attempt.install([*project.dependencies, *project.extras])):
        chosen = [str(Path("tests") / one) for one in TESTS]
        chosen += ["-q", "-m", "not slow", "-k", " and ".join(f"not {name}" for name in LEFT_OUT)]
        # An old library may warn of a new one that it uses.
        chosen += ["-W", "default", "-p", "no:cacheprovider", "--basetemp", str(place / "t")]
        attempt.check("tests", lambda: attempt.command("pytest", *chosen, cwd=copy))


def _table(attempts: Sequence[Attempt], requirements: Sequence[str]) -> str:
    """Return a column for each attempt: its versions, then its checks."""
    installed = {name for attempt in attempts for name in attempt.versions}
    names = [name for name in dict.fromkeys(["python", *map(_key, requirements)]) if name in installed]
    checks = dict.fromkeys(check for attempt in attempts for check in attempt.checks)
    rows = [["", *(attempt.resolution for attempt in attempts)]]
    rows += [[name, *(attempt.versions.get(name, "-") for attempt in attempts)] for name in names]
    rows += [[check, *(attempt.checks.get(check, "-") for attempt in attempts)] for check in checks]
    widths = [max(len(row[column]) for row in rows) for column in range(len(attempts) + 1)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _key(requirement: str) -> str:
    """Return the name of what is required, as it is compared."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()


def _uv(arguments: Sequence[str], cwd: Path) -> str:
    """Run uv where it finds no project, so that what pins CI's versions does not hold."""
    return _run(["uv", *arguments], cwd)


def _run(command: Sequence[str], cwd: Path, environment: dict[str, str] | None = None) -> str:
    """Return what a command prints on its standard output.

    Raises:
        CommandError: It exited with another code than 0, or took too long.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=TIME_LIMIT_S)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        if isinstance(error, subprocess.TimeoutExpired):
            msg = f"{' '.join(command)} took longer than {TIME_LIMIT_S:.0f} s"
            raise CommandError(msg) from error
        raise
    if process.returncode:
        lines = f"{out}\n{err}".strip().splitlines()[-SHOWN_LINES:]
        msg = "\n".join([f"{' '.join(command)} exited with {process.returncode}", *lines])
        raise CommandError(msg)
    return out.strip()


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(main())
