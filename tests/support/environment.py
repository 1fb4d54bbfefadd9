"""The first state of every test process, whatever shell or machine started it."""

from __future__ import annotations

import os
import re
import signal
import time

# Variables that change the output of programs, and the behaviour of Python, torch, Ray, git and hpsearch.
_TAKEN_AWAY = re.compile(
    r"(COLORTERM|NO_COLOR|(CLI|FORCE_)COLOR(_FORCE)?|LANGUAGE|(MAN)?PAGER|LESS|EDITOR|VISUAL|CI|TTY_\w+|UNBUFFERED|KILL_AT"
    r"|(LC|GITHUB|GITLAB|XDG|GIT|PG|OMP|MKL|KMP|OPENBLAS|NUMEXPR|CUDA|TORCH\w*|PYTORCH|RAY|SLURM|PL|HYDRA|HF|TRANSFORMERS"
    r"|ACCELERATE|HYPOTHESIS|OPTUNA|WANDB|RICH|_?TYPER|_HPSEARCH|HPSEARCH|SAMPLE|CHAOS)_\w+|PG[A-Z]+|PYTHON\w*|PY_COLORS)"
)
# Where OpenBLAS has its kernel chosen by hand, it may compute wrong results with its own choice.
_KEPT = re.compile(r"HPSEARCH_TESTS_\w+|PYTHONWARNINGS|OPENBLAS_(CORETYPE|L2_SIZE)")
_GIVEN = {
    "TERM": "xterm-256color",
    "COLUMNS": "80",
    "LINES": "25",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    # The tests' cluster and its clients share a token; Ray reads it when it is imported.
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
}


def settle() -> None:
    """Bring this process into that state, before the import of libraries that read the environment."""
    for name in list(os.environ):
        if _TAKEN_AWAY.fullmatch(name) and not _KEPT.fullmatch(name):
            del os.environ[name]
    os.environ.update(_GIVEN)
    time.tzset()
    # A shell starts background processes with SIGINT ignored, nohup with SIGHUP, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
