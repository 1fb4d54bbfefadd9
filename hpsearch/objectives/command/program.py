"""Where a command's program ends and its script's own arguments begin, behind any launcher and its options."""

from __future__ import annotations

import re
from collections.abc import Sequence

ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
"""How a variable begins that a shell or `env` sets for a program."""

_SCRIPT = re.compile(r"[^-].*\.(py|pyz|sh|bash|R|jl|pl|rb|js)")
_PYTHON = re.compile(r"(.*/)?(python|pypy)[\d.]*")
_WITH_VALUE = ("-X", "-W")
SHELLS = ("bash", "dash", "sh", "zsh")
"""Programs that take a text with commands after `-c`."""

_LAUNCHERS = (
    *("accelerate", "deepspeed", "horovodrun", "mpiexec", "mpirun", "srun", "torchrun"),
    *("conda", "mamba", "micromamba", "pdm", "pipenv", "pixi", "poetry", "rye", "uv"),
    *("coverage", "ipython", "kernprof", "nsys", "xvfb-run"),
    *("env", "nice", "nohup", "numactl", "stdbuf", "taskset", "time", "timeout", *SHELLS),
)
_LAUNCHING = (  # modules that run a script
    *("accelerate.commands.launch", "deepspeed.launcher.runner", "torch.distributed.launch", "torch.distributed.run"),
    *("torch_xla.distributed.xla_spawn", "cProfile", "coverage", "debugpy", "pdb", "scalene", "viztracer"),
)


def program_start(arguments: Sequence[str]) -> int:
    """Return the place of the program: behind `env` and the variables that it sets, if these come first."""
    if arguments[0].rpartition("/")[2] != "env":
        return 0
    return next((at for at in range(1, len(arguments)) if not ASSIGNMENT.match(arguments[at])), 0)


def program_end(arguments: Sequence[str]) -> int:
    """Return the place of the first argument that is the script's own: behind its path, its module, or the program."""
    program = arguments[0].rpartition("/")[2]
    if _PYTHON.fullmatch(program):
        return _after_python(arguments, 1)
    if program in SHELLS and "-c" in arguments:
        return arguments.index("-c") + 2
    return _after_launcher(arguments, 1) if program in _LAUNCHERS else 1


def _after_python(arguments: Sequence[str], at: int) -> int:
    while at < len(arguments) and arguments[at][:1] == "-":
        if arguments[at] == "-m":
            launches = arguments[at + 1 : at + 2] and arguments[at + 1] in _LAUNCHING
            return _after_launcher(arguments, at + 2) if launches else at + 2
        if arguments[at] == "-c":
            return at + 2
        at += 2 if arguments[at] in _WITH_VALUE else 1
    return at + 1


def _after_launcher(arguments: Sequence[str], start: int) -> int:
    for at in range(start, len(arguments)):
        word = arguments[at]
        if _PYTHON.fullmatch(word):
            return _after_python(arguments, at + 1)
        if word in ("-m", "--module"):
            return at + 2
        if _SCRIPT.fullmatch(word):
            return at + 1
    return start
