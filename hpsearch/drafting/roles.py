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

_EPOCHS = re.compile(
    r"(n|nb|num|number_of|max|total|train|training|num_train|num_training|max_train)?_?(epochs?)|nepochs?|nepoch|maxepochs?"
    r"|epochs?_(num|max|total)|max_num_epochs|n_train_epochs|epochs?_to_train"
    r"|(n|num|nb|max|total|global|comm)_rounds?|num_boost_rounds?|n_boost_rounds?|comm_rounds?"
)
_SEED = re.compile(
    r"(random|rand|rng|manual|global|torch|main|base|init|training|train)?_?seed|random_state|seed_everything"
    r"|seed_(value|num)"
)
_FOLDER = re.compile(
    r"(out|outputs?|saved?|saving|checkpoints?|ckpts?|logs?|logging|results?|work|working|runs?|exp|exps|expr|experiments?|models?"
    r"|tb|tensorboard|summary|summaries|snapshots?|artifacts?|writer|dump|training_output|model_output|model_save|save_model"
    r"|checkpoint_save|save_checkpoint|log_save|trainer_default_root)"
    r"_?(dir|dirs|directory|folder|path|root|loc|location)|out|output|outputs|save|outdir|logdir|savedir|workdir"
    r"|default_root_dir|outf|(output|save|log|results?)_(file|filename|to|name)|logfile|outfile|save_model_as"
)
_NOT_WRITTEN = frozenset([
    "load", "resume", "restore", "pretrained", "pretrain", "init", "initial", "finetune", "teacher", "data",
    "dataset", "datasets", "input", "inputs", "weights", "from", "eval", "test", "source", "reference", "vocab",
    "tokenizer", "cache", "config", "cfg", "images", "labels",
])  # fmt: skip
_MODELS = re.compile(r"models?_(dir|path|folder|root)|(checkpoint|ckpt|snapshot)s?_(path|file|loc|location)")  # to read
_RESUME = re.compile(
    r"resume|restore|((resume|restore|continue|start|restart|reload)_)(from|path|checkpoint|ckpt|file|dir|folder|model|weights|"
    r"from_checkpoint|from_ckpt|from_path|from_file|checkpoint_path|ckpt_path|from_dir|training_from)"
    r"|(checkpoint|ckpt|model|path)_(to_)?(resume|restore)|load_(checkpoint|ckpt)(_path)?"
)


def tokens(name: str) -> tuple[str, ...]:
    """Return the words of a name's last part in lower case: `weight` and `decay` for `optim.weightDecay`."""
    last = name.rpartition(".")[2]
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", last)
    return tuple(word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word)


def role(name: str, default: Any = None) -> str:
    """Return what a name means for each trial: a placeholder of commands, `resume`, or nothing.

    A path that is read, such as that of a data set or of a pretrained model, means nothing.

    Args:
        default: The setting's default. If it is the path of a file, the result is a file in the trial's folder.
    """
    words = tokens(name)
    key = "_".join(words)
    if _EPOCHS.fullmatch(key):
        return "{epochs}"
    if _SEED.fullmatch(key):
        return "{seed}"
    is_text = default is None or isinstance(default, str)
    if _RESUME.fullmatch(key):
        return RESUME
    is_place = _FOLDER.fullmatch(key) is not None and not _MODELS.fullmatch(key) and not _NOT_WRITTEN & set(words)
    return place_in_folder(default or "") if is_text and (is_place or _is_project(key, default)) else ""


def place_in_folder(path: str) -> str:
    """Return the trial's folder, or a file in it if the path names a file."""
    file = PurePath(path)
    is_file = re.fullmatch(r"\.[A-Za-z]\w*", file.suffix) is not None and "{" not in file.name
    return f"{{trial_dir}}/{file.name}" if is_file else "{trial_dir}"


def _is_project(key: str, default: Any) -> bool:
    """Return whether a setting `project` is a folder, as YOLO has it, and not the name of a project."""
    return key == "project" and isinstance(default, str) and ("/" in default or default == "runs")
