"""The git repository of the user's code: its state, and commits on new branches.

Nothing here changes the working tree, the index or the branch that is checked out.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hpsearch.errors import InputError

_TIMEOUT_S = 60
_HASH_DIGITS = 16
_CODE = frozenset(
    [".py", ".pyi", ".pyx", ".ipynb", ".sh", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".rs", ".jl", ".lua"]
)
# A hook or an alias of git sets these for its own repository, which may be another one.
_LOCAL_VARIABLES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
)
_QUIET = ("-c", "core.quotePath=off", "-c", "core.fsmonitor=false", "-c", "diff.autoRefreshIndex=false")


class GitError(InputError):
    """Git refused."""


@dataclass(frozen=True, slots=True)
class CodeState:
    """The state of a repository's code.

    Attributes:
        commit: The full hash of the commit that is checked out; None before the first one.
        diff_hash: A hash of all that differs from the commit, 16 hexadecimal digits; None if nothing differs.
    """

    commit: str | None
    diff_hash: str | None

    @property
    def dirty(self) -> bool:
        """Whether anything differs from the commit."""
        return self.diff_hash is not None

    def as_dict(self) -> dict[str, Any]:
        """Return it in JSON types, `dirty` included."""
        return {**asdict(self), "dirty": self.dirty}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any] | None) -> CodeState | None:
        """Return the state of which `as_dict` gave this."""
        return None if raw is None else cls(raw["commit"], raw["diff_hash"])

    def __str__(self) -> str:
        commit = "no commit" if self.commit is None else f"commit {self.commit[:10]}"
        return f"{commit} with changes {self.diff_hash}" if self.dirty else commit


def top_of(folder: Path) -> Path | None:
    """Return the top folder of the working tree that a folder lies in; None outside of one, or without git."""
    try:
        return Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
    except GitError:
        return None


def code_state(folder: Path, exclude: Iterable[Path] = ()) -> CodeState | None:
    """Return the state of the repository that a folder lies in; None outside of one, or without git.

    Changes to tracked files count. Files that git neither tracks nor ignores count if they hold code (`.py` and so on):
    logs and results that a training leaves there are no change of the code.

    Args:
        exclude: Folders that don't count, such as studies.
    """
    top = top_of(folder)
    if top is None:
        return None
    exclude = list(exclude)
    paths = _everything_but(top, exclude)
    try:
        commit: str | None = _git(top, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
    except GitError:
        commit = None
    try:
        base = commit or _git(top, "hash-object", "-t", "tree", "--stdin", stdin=b"").decode().strip()
        diff = _git(top, "diff", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", base, *paths)
        untracked = _names(top, exclude, "--others", "--exclude-standard")
    except GitError:
        return None
    return CodeState(commit, _digest(top, diff, untracked))


def is_open_to_git(folder: Path) -> bool:
    """Return whether git would add a folder that it does not track; false outside of a working tree, or without git."""
    try:
        return bool(_git(folder.parent, "ls-files", "--others", "--exclude-standard", "--directory", "--", folder.name))
    except GitError:
        return False


def tracks_any(folder: Path) -> bool:
    """Return whether git tracks any file in a folder; false outside of a working tree, or without git."""
    try:
        return bool(_git(folder, "ls-files", "--", "."))
    except GitError:
        return False


def listed_files(top: Path, exclude: Iterable[Path]) -> list[str]:
    """Return the files that git tracks, or neither tracks nor ignores, relative to the repository's top folder.

    Raises:
        GitError: Git refuses.
    """
    return _names(top, exclude, "--cached", "--others", "--exclude-standard")


def ignored_paths(top: Path, exclude: Iterable[Path]) -> list[str]:
    """Return what git ignores, whole folders by their name, relative to the repository's top folder.

    Raises:
        GitError: Git refuses.
    """
    outside = _below(top, exclude)
    names = _names(top, exclude, "--others", "--ignored", "--exclude-standard", "--directory", "--no-empty-directory")
    return [name for name in (name.rstrip("/") for name in names) if name not in outside]


def _names(top: Path, exclude: Iterable[Path], *options: str) -> list[str]:
    found = _git(top, "ls-files", "-z", *options, *_everything_but(top, exclude))
    return list(dict.fromkeys(os.fsdecode(name) for name in found.split(b"\0") if name))


def _everything_but(top: Path, folders: Iterable[Path]) -> list[str]:
    return ["--", ":(top)", *(f":(exclude,top,literal){path}" for path in _below(top, folders))]


def _below(top: Path, folders: Iterable[Path]) -> list[str]:
    inside = (folder.resolve() for folder in folders)
    return [folder.relative_to(top).as_posix() for folder in inside if top in folder.parents]


def _digest(top: Path, diff: bytes, untracked: list[str]) -> str | None:
    code = sorted(name for name in untracked if Path(name).suffix in _CODE)
    if not diff and not code:
        return None
    digest = hashlib.sha256(diff)
    for name in code:
        try:
            content = (top / name).read_bytes()
        except OSError:  # it is gone, or the training can't read it either
            continue
        digest.update(f"\0{name}\0{len(content)}\0".encode(errors="surrogateescape"))
        digest.update(content)
    return digest.hexdigest()[:_HASH_DIGITS]


def committed_file(path: Path) -> tuple[bytes, int] | None:
    """Return a file's content and permission bits in the commit that is checked out; None if the file is not in it.

    Raises:
        InputError: The file is in no repository, or exists but in no commit.
    """
    top, names = _common_top({path: None})
    try:
        entry = _git(top, "ls-tree", "HEAD", "--", f":(top,literal){names[path]}").decode(errors="surrogateescape")
    except GitError:
        entry = ""
    if not entry:
        if path.exists():
            raise InputError(f"--branch: {path} is in no commit yet; allowed: commit it first, or no --branch")
        return None
    mode, kind, blob = entry.split("\t")[0].split()
    if kind != "blob":
        raise InputError(f"--branch: {path} is a {kind} in git; allowed: a file")
    # --filters: as a checkout would write it, with the same line ends.
    return _git(top, "cat-file", "--filters", f"--path={names[path]}", blob), int(mode[-3:], 8)


def commit_files(files: Mapping[Path, tuple[bytes, int | None]], branch: str, message: str) -> str:
    """Commit files on a new branch that starts at the commit that is checked out; nothing is pushed.

    Only git's database changes. Index, working tree and current branch stay as they are, and changes there that are
    not committed are left out.

    Args:
        files: Content and permission bits (None for an ordinary file), by path.
        branch: The new branch's name.

    Returns:
        The commit's short hash.

    Raises:
        InputError: The files are in no repository or in several, the branch exists or its name can't be used, there is
            no commit to start at, or git does not know who commits.
    """
    top, names = _common_top(files)
    try:
        _git(top, "check-ref-format", "--branch", branch)
    except GitError:
        raise InputError(f"--branch {branch}: not a branch's name; allowed: one that git takes") from None
    reference = f"refs/heads/{branch}"
    if _git(top, "for-each-ref", "--format=%(refname)", reference, f"{reference}/").strip():
        raise InputError(f"--branch {branch}: is there already in {top}; allowed: a new one")
    try:
        head = _git(top, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
    except GitError:
        raise InputError(
            f"--branch {branch}: {top} has no commit yet to start it at; allowed: after the first"
        ) from None
    try:
        commit = _commit(top, head, {names[path]: content for path, content in files.items()}, message)
        # The hash of zeros says that the branch must not exist: two commands can't both make it.
        _git(top, "update-ref", "-m", "hpsearch export", reference, commit, "0" * len(commit))
        return _git(top, "rev-parse", "--short", commit).decode().strip()
    except GitError as error:
        raise InputError(f"--branch {branch}: nothing was committed in {top}: {error}") from None


def _common_top(files: Mapping[Path, object]) -> tuple[Path, dict[Path, str]]:
    """Return the repository of all files, and their names in it."""
    found: dict[Path, Path] = {}
    for path in files:
        top = top_of(path.parent)
        if top is None:
            raise InputError(f"--branch: {path} is in no git repository; allowed: a file in one, or no --branch")
        found[path] = top.resolve()
    tops = set(found.values())
    if len(tops) > 1:
        raise InputError(f"--branch: the files are in several repositories: {', '.join(map(str, sorted(tops)))}")
    names = {path: path.parent.resolve().relative_to(top).joinpath(path.name).as_posix() for path, top in found.items()}
    return tops.pop(), names


def _commit(top: Path, head: str, files: Mapping[str, tuple[bytes, int | None]], message: str) -> str:
    """Make the objects of a commit with an index of its own, and return the commit's hash."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-index-") as folder:
        own = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(top, "read-tree", head, own=own)
        for name, (content, mode) in files.items():
            # --path: line ends and filters as in `git add`.
            blob = _git(top, "hash-object", "-w", "--stdin", f"--path={name}", stdin=content).decode().strip()
            executable = mode is not None and mode & 0o100
            info = f"{'100755' if executable else '100644'},{blob},{name}"
            _git(top, "update-index", "--add", "--cacheinfo", info, own=own)
        tree = _git(top, "write-tree", own=own).decode().strip()
    if tree == _git(top, "rev-parse", f"{head}^{{tree}}").decode().strip():
        raise GitError("the commit that is checked out has these values already")
    return _git(top, "commit-tree", tree, "-p", head, stdin=message.encode()).decode().strip()


def _git(folder: Path, *arguments: str, stdin: bytes | None = None, own: Mapping[str, str] | None = None) -> bytes:
    """Return what git prints.

    Raises:
        GitError: There is no git, or it takes too long or refuses; the message is git's own.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _LOCAL_VARIABLES}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(own or {})}
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are ours, and no shell reads them
            ["git", *_QUIET, "-C", str(folder), *arguments],  # noqa: S607 - the git that the user has
            input=b"" if stdin is None else stdin,
            env=environment,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise GitError("there is no git here") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(f"git {arguments[0]} failed: {error}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(
            next((line for line in lines if line.startswith("fatal:")), lines[-1] if lines else "git failed")
        )
    return done.stdout
