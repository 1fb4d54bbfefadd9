"""Record the studies of this release, that later ones are to open: run it once, when the store's format has changed.

    python tests/store/old_studies/record.py tests/store/old_studies/format-2

It runs whatever hpsearch Python finds. `done` is a study that went through, `killed` one whose driver was killed in
the middle of trial 2, and `expected.json` what `show --json` said of them, and of one like `done` with two more trials.
The database is kept as SQL; the folder that the code lay in is @FOLDER@ there, for it is another one in each test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).parent
WORKER = re.compile(rb'"worker": "[^"]*"')


def hpsearch(folder: Path, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "-c", "from hpsearch.cli.app import main; main()", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=False, text=True
    ).stdout


def record(study: Path, target: Path, folder: Path) -> None:
    """Keep a study: its files, and its database as SQL."""
    shutil.copytree(study, target, ignore=shutil.ignore_patterns("study.db*", "*.log", "log.txt"))
    with closing(sqlite3.connect(study / "study.db")) as connection:
        dump = "\n".join(connection.iterdump())
    dump = re.sub(r"'\"[^'\"]+:\d+\"'", "'\"host:1\"'", dump).replace(str(folder), "@FOLDER@")
    dump = dump.replace(f"'{socket.gethostname()}'", "'host'")
    (target / "study.sql").write_text(dump + "\n")
    for manifest in target.rglob("manifest.json"):
        manifest.write_bytes(WORKER.sub(b'"worker": "host:1"', manifest.read_bytes()))


def main() -> None:
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for file in ("objective.py", "space.yaml"):
            shutil.copy(HERE / file, folder)
        inline = ("--executor", "inline")
        hpsearch(folder, "run", "space.yaml", *inline, "--name", "done")
        hpsearch(folder, "run", "space.yaml", *inline, "--name", "killed", KILL_AT="trials 2 3")
        hpsearch(folder, "run", "space.yaml", *inline, "--name", "more", "--trials", "7")
        expected = {}
        for study in ("done", "killed", "more"):
            expected[study] = json.loads(hpsearch(folder, "show", study, "--json"))
            if study != "more":
                record(folder / "studies" / study, target / study, folder)
        (target / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
