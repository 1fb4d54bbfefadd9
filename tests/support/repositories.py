"""Git repositories like those of users."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


def git(folder, *arguments):
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(folder: Path, files: Mapping[str, str], add: str = ".") -> Path:
    """Make a repository on the branch main; its one commit has the files that `add` names; return its folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", add)
    git(folder, "commit", "-qm", "first")
    return folder


def everything(folder):
    """The state of a repository: files, index, status, branch."""
    files = {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and ".git" not in p.parts}
    index = (folder / ".git" / "index").read_bytes()
    return (
        files,
        index,
        git(folder, "symbolic-ref", "HEAD"),
        git(folder, "rev-parse", "HEAD"),
        git(folder, "stash", "list"),
    )
