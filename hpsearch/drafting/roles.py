"""Which settings each trial has of its own, by their names: epochs, seed, folder, and what to resume from."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from hpsearch.objectives.command.line import RESERVED
from hpsearch.objectives.command.section import Command

RESUME = "resume"
"""The role of a setting that names what to resume from."""

TAKEN = frozenset((*RESERVED, *Command.model_fields))
"""Names that no parameter of a command may have: its placeholders, and the settings of its section."""

_EPOCHS = {"epochs", "epoch", "num_epochs", "n_epochs", "nb_epochs", "max_epochs", "num_train_epochs", "train_epochs"}
_SEED = {"seed", "random_seed", "random_state", "rng_seed", "manual_seed", "global_seed", "seed_everything"}
_FOLDER = re.compile(
    r"(out|output|save|checkpoint|checkpoints|ckpt|log|logs|logging|result|results|work|run|exp|experiment|model)"
    r"_?(dir|directory|folder|path|root)|out|output|save|outdir|logdir|savedir|workdir|default_root_dir"
)
_MODELS = {"model_dir", "model_path"}  # of a model to read
_RESUME = {"resume", "resume_from", "resume_from_checkpoint", "resume_path", "resume_checkpoint"}


def tokens(name: str) -> tuple[str, ...]:
    """Return the words of a name's last part in lower case: `weight` and `decay` for `optim.weightDecay`."""
    last = name.rpartition(".")[2]
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", last)
    return tuple(word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word)


def role(name: str, default: Any = None) -> str:
    """Return what a name means for each trial: a placeholder of commands, `resume`, or nothing.

    Args:
        default: The setting's default. If it is the path of a file, the result is a file in the trial's folder.
    """
    key = "_".join(tokens(name))
    if key in _EPOCHS:
        return "{epochs}"
    if key in _SEED:
        return "{seed}"
    if key in _RESUME:
        return RESUME
    is_place = _FOLDER.fullmatch(key) is not None and key not in _MODELS
    return _place_in_folder(default or "") if is_place and (default is None or isinstance(default, str)) else ""


def _place_in_folder(path: str) -> str:
    """Return the trial's folder, or a file in it if the path names a file."""
    file = PurePath(path)
    is_file = re.fullmatch(r"\.[A-Za-z]\w*", file.suffix) is not None and "{" not in file.name
    return f"{{trial_dir}}/{file.name}" if is_file else "{trial_dir}"
