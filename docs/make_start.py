"""Writes start.md: `python docs/make_start.py` runs the page's commands in a copy of examples/start, in a minute."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from itertools import takewhile
from pathlib import Path

TARGET = Path(__file__).with_name("start.md")
REPOSITORY = TARGET.parents[1] / "examples" / "start"
# The reader's change to the file from init.
EDITED, EDIT = "train.hpsearch.yaml", ("lr: {loguniform: [5e-4, 0.2]}", "lr: {loguniform: [5e-3, 0.5]}")
_IDENTITY = {"NAME": "You", "EMAIL": "you@example.org"}
_WIDTH = 140  # of a page's lines
_FORECAST = re.compile(r"about .* left|almost done")

# A line `$ COMMAND` is run and gets its output below it; `$N,M COMMAND` only its first N and last M lines.
# `@options` are lines of the script, `@edit` changes a file. All happens in the order of the page.
_TEMPLATE = """\
# From train.py to the best config on a branch

[make_start.py](make_start.py) has made this page: it runs every command. Forecasts of time are left out, and so is, at
an ellipsis, the middle of long outputs.

## What you have

You have a git repository with a training script and its config, here [train.py](../examples/start/train.py) and
[config.yaml](../examples/start/config.yaml). The config has what the script trains with:

```console
$ cat config.yaml
```

The script takes the same values as options, and prints a line of JSON after each epoch. hpsearch needs no more of it:

```python
@options
```

```console
$2,2 python train.py
```

hpsearch keeps its results in `studies/`, which is in the repository's `.gitignore`:

```console
$ cat .gitignore
$ git init -q -b main
$ git add .
$ git commit -qm "Train on digits"
```

## A space file

```console
$ hpsearch init train.py
$ cat train.hpsearch.yaml
```

`init` has read the options, and has run nothing. Two lines are guesses, marked `CHECK`, and both are right: the script
prints `val_accuracy`, and more of it is better. `--epochs` and `--seed` are in the command as `{epochs}` and `{seed}`,
because hpsearch gives each trial its own. Now look at the ranges. Above, the accuracy still rose in the last of the 12
epochs, so 0.01 is a small learning rate here. Move its range up:

```yaml
space:
  @edit
```

Commit the file, because it says what was searched:

```console
$ git add train.hpsearch.yaml
$ git commit -qm "A space to search"
```

## Does it work at all?

```console
$6,3 hpsearch run train.hpsearch.yaml --smoke
```

This was 2 trials of 2 epochs, and 2 retrainings of the better one. It would have shown a wrong option, or a metric that
the script does not print. A command has no ensemble, because it can't predict.

## The study

The study trains 48 trials, then the three best configs again with 5 new seeds each:

```console
$7,5 hpsearch run train.hpsearch.yaml
```

After Ctrl-C, a kill or a power cut, `hpsearch resume train` goes on; nothing that had ended is lost. In the end `run`
prints a summary, and `show` prints it again:

```console
$ hpsearch show train
```

The winner is the config with the best mean over its seeds, not the one with the luckiest trial. Expect this mean of it.

## The config on a branch

First look at what would change. `--key optim` names the mapping in the file that gets the values:

```console
$ hpsearch export train --to config.yaml --key optim --diff --dry-run
```

Only the values change, the comments stay. Then commit it on a new branch:

```console
$ hpsearch export train --to config.yaml --key optim --branch tuned
$ git status --short --branch
$ git diff --stat main tuned
$ git log -1 --format=%B tuned
```

You are still on `main`, and no file has changed. The branch has one more commit, with the config, and with a file that
says where the values come from. Merge it when you like it:

```console
$ git merge -q tuned
$2,2 python train.py
```

## Does it hold?

```console
$ hpsearch verify train --from config.yaml --key optim
```

`verify` reads the config back from the file, and trains it with seeds that the study has not used. Its exit code is 0
if the mean lands where the study promised. The same command works months later. Here the commit differs only because of
`config.yaml`, whose values `verify` gives as options.

If the space file has the line `export: {to: config.yaml, key: optim}` from the start, `hpsearch export train` and
`hpsearch verify train` are enough.

## Further

- [init.md](init.md): your script uses Hydra, Lightning's command line or a config file.
- [commands.md](commands.md): your script prints no JSON, needs another Python, or can go on from a checkpoint.
- [export.md](export.md): other formats and places. [verify.md](verify.md): the verdict. [cli.md](cli.md): all options.
"""


class Walk:
    """Goes through the page in a copy of the repository.

    Args:
        folder: For the copy; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns("__pycache__", "studies"))

    def run(self, command: str) -> list[str]:
        """Return the lines that a command prints.

        Raises:
            RuntimeError: The command fails.
        """
        done = subprocess.run(  # noqa: S603 - the commands are those above
            shlex.split(command),
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command} ended with code {done.returncode}\n{done.stdout}")
        # Commands print the copy's path in full, but the page must name no path of one machine.
        text = done.stdout.replace(f"{self.folder}/", "").rstrip()
        return [line.rstrip() for line in text.splitlines()]

    def edit(self) -> str:
        """Change the space file as the page says; return the new line.

        Raises:
            RuntimeError: The file has no such line.
        """
        path = self.folder / EDITED
        text = path.read_text(encoding="utf-8")
        if text.count(EDIT[0]) != 1:
            raise RuntimeError(f"{EDITED} has not the line that is to be edited: {EDIT[0]}")
        path.write_text(text.replace(*EDIT), encoding="utf-8")
        return EDIT[1]

    def line(self, line: str) -> list[str]:
        """Return the page's lines for a line of the template."""
        command = re.fullmatch(r"\$(?:(\d+),(\d+))? (.+)", line)
        if command is not None:
            printed = self.run(command[3])
            if command[1] is not None:
                printed = shortened(printed, int(command[1]), int(command[2]))
            return [f"$ {command[3]}", *(part for line in printed for part in folded(line))]
        word = line.strip()
        indent = line.removesuffix(word)
        if word == "@edit":
            return [indent + self.edit()]
        if word == "@options":
            return options((self.folder / "train.py").read_text(encoding="utf-8"))
        return [line]


def environment() -> dict[str, str]:
    """Return an environment for the same output on any machine: no colour, no GPU, no git settings of the machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HPSEARCH", "GIT_"))}
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _IDENTITY.items()}
    return {
        **kept,
        **who,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "COLUMNS": "110",
        "NO_COLOR": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
    }


def shortened(lines: list[str], first: int, last: int) -> list[str]:
    """Return the first and last lines, without the last summary of `run`, for `show` prints it."""
    progress = takewhile(lambda line: not line.startswith("Study "), lines)
    lines = [line for line in progress if not _FORECAST.fullmatch(line)]
    return lines if len(lines) <= first + last else [*lines[:first], "…", *lines[-last:]]


def folded(line: str) -> list[str]:
    """Return a line in parts that fit the page, as on a terminal."""
    return textwrap.wrap(line, _WIDTH, break_on_hyphens=False) if len(line) > _WIDTH else [line]


def options(script: str) -> list[str]:
    """Return the script's lines that read options and print measurements."""
    lines = [line.strip() for line in script.splitlines() if "parser" in line or "json.dumps" in line]
    return [line for line in lines if line]


def commands() -> list[str]:
    """Return the page's commands in order."""
    return re.findall(r"^\$(?:\d+,\d+)? (.+)$", _TEMPLATE, re.MULTILINE)


def page() -> str:
    """Return the page.

    Raises:
        RuntimeError: One of its commands fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(Path(folder).resolve() / "repo")
        return "\n".join(line for template in _TEMPLATE.splitlines() for line in walk.line(template)) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
