"""Which kind of hyperparameter a setting's name says that it is, by whole words.

| family | names |
| --- | --- |
| `lr` | `lr`, `learning_rate`, `lr0`, `base_lr`, `blr`, `eta`, `encoder_lr`, ... |
| `weight_decay` | `weight_decay`, `wd`, `l2`, and `decay` if its help or its default says so |
| `momentum` | `momentum`, `beta1`, `adam_beta1`, ... |
| `dropout` | `dropout`, `drop_rate`, `drop`, `attn_dropout`, ... |
| `drop_path` | `drop_path`, `stochastic_depth_prob`, ... |
| `smoothing` | `label_smoothing`, `smoothing` |
| `batch` | `batch_size`, `bs`, `train_batch_size`, ... |

A word such as `min`, `noise`, `mult` or `schedule` makes it something else: the option steers a schedule, not the rate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hpsearch.drafting.from_script.setting import Setting
from hpsearch.drafting.roles import tokens

_STEERS = frozenset([
    "min", "max", "final", "end", "stop", "start", "init", "initial", "warmup", "warm", "decay", "decays", "gamma",
    "step", "steps", "stepsize", "scheduler", "schedule", "sched", "schedules", "policy", "milestone", "milestones",
    "factor", "factors", "patience", "epoch", "epochs", "iter", "iters", "ratio", "mult", "multiplier",
    "multiplicator", "mul", "scale", "scaling", "scaler", "type", "mode", "method", "ema", "noise", "noisy", "pct",
    "percent", "std", "stddev", "cycle", "cycles", "cyclic", "limit", "power", "k", "anneal", "annealing", "restart",
    "restarts", "cooldown", "plateau", "threshold", "eps", "epsilon", "lambda", "freq", "frequency", "update",
    "updates", "interval", "period", "delta", "offset", "style", "layerwise", "llrd", "div", "divisor", "rampup",
    "rampdown", "ramp", "finder", "find", "range", "sweep", "coef", "coeff", "coefficient", "reduce", "reduction",
    "exp", "exponent", "every", "file", "name", "fn", "func", "function", "tuning", "tune", "log", "logging",
    "monitor", "group", "groups", "teacher", "target", "bias_correction", "norm", "bn", "batchnorm", "adjust",
    "adaptive", "drop", "reset", "dropoff", "floor", "bound", "lower", "upper", "cut", "shrink", "growth", "grow",
])  # fmt: skip
_LR = re.compile(r"lr|lr0|lrate|learningrate|blr|eta|eta0|learning_rate|learn_rate|lr_rate|learning_rate_init")
_GENERAL = frozenset([
    "base", "global", "main", "peak", "optimizer", "optim", "opt", "adam", "adamw", "sgd", "model", "train",
    "training", "default", "abs", "actual",
])  # fmt: skip
_FIRST = (
    "lr", "learning_rate", "learningrate", "lrate", "learn_rate", "lr_rate", "base_lr", "lr_base", "base_learning_rate",
    "blr", "lr0", "eta", "eta0",
)  # fmt: skip
_SECOND = (
    (_GENERAL, 9),
    (frozenset(["init", "initial", "start", "starting"]), 10),
    (frozenset(["max", "maximum"]), 11),
)
_DROPOUTS = (
    "dropout", "dropout_rate", "drop_rate", "dropout_p", "dropout_prob", "p_dropout", "pdrop", "drop", "drop_prob",
)  # fmt: skip
_LR_HELP = re.compile(
    r"^\W*((the|an?|initial|base|peak|maximum|max|starting|optimi[sz]er'?s?|adam'?s?|sgd'?s?|adam:) )*learning[ -]?rate"
    r"(?! *(decay|schedul|warm|factor|mult|drop|polic|anneal|ratio|range|step|reduc))",
    re.IGNORECASE,
)
_DECAY_HELP = re.compile(r"weight[ -_]?decay|\bl2\b", re.IGNORECASE)
_RATE_DECAY_HELP = re.compile(
    r"learning[ -_]?rate|\blr\b|ema|moving average|discount|epsilon|exploration", re.IGNORECASE
)
_WEIGHT_DECAY = re.compile(
    r"weight_?decay(_rate)?|w_decay|wd|l2|l2_(reg|regularization|penalty|lambda|weight|coef|coeff|norm)"
    r"|(reg|regularization)_l2|l2reg"
)
_DROP = re.compile(
    r"drop|(\w+_)?drop_?out(_?(rate|rates|p|prob|probs|probability|ratio|r))?|(\w+_)?drop_(rate|prob|p|ratio)|p_drop|p_drop_?out"
    r"|drop_?out_(\w+)|(emb|embd|embed|attn|resid|proj|pos|ffn|mlp|head|hidden|input|feat|path_)?_?p?drop"
    r"|(attn|resid|embd|emb|ffn|proj)_pdrop|pdrop"
)
_NOT_DROP = frozenset([
    "last", "remainder", "lr", "epoch", "epochs", "step", "steps", "noise", "schedule", "mode", "decay", "path",
    "block", "connect", "columns", "na", "nan", "duplicates", "layer", "layers", "token", "tokens", "labels",
    "learning", "edge", "node", "nodes", "rows", "incomplete", "frame", "frames", "box", "end", "start", "warmup",
    "word", "words",
])  # fmt: skip
_DROP_PATH = re.compile(
    r"drop_?path(_?(rate|prob|p))?|stochastic_depth(_?(rate|prob|p))?|sd_prob|survival_drop|droppath_rate"
)
_MOMENTUM = re.compile(
    r"(sgd_|optim_|optimizer_|opt_|nesterov_)?momentum|((adam|adamw|optim|opt|optimizer|lamb|lion)_)?(beta_?1|b1)|mom"
)
_SMOOTHING = re.compile(
    r"(label_?)?smoothing(_?(factor|rate|eps|epsilon|value|alpha))?|label_smooth(_?(factor|eps|rate))?|ls_factor|lsr"
)
_BATCH = re.compile(
    r"((train|training|mini|global|total|local|per_device_train|per_gpu_train|device|micro|train_micro|per_gpu|per_device|"
    r"per_device_training|batches|gpu)_)?batch_?size(_?(train|training|per_gpu|per_device|per_rank|total))?|bs|bsz|bsize|batch|"
    r"train_batch|train_bs|minibatch_?size|minibatch|train_batchsize|trainbatchsize|batch_sz|nbatch_size|batchsz"
)


@dataclass(frozen=True, order=True, slots=True)
class Family:
    """The kind of a hyperparameter.

    Attributes:
        name: The family.
        rank: Which one of a family stands for all of it: the one with the lowest rank.
        part: Whether it is of one part of the model alone, such as `encoder_lr`.
    """

    name: str
    rank: int = 0
    part: bool = False


def family_of(setting: Setting) -> Family | None:
    """Return the family that a setting's name, other names or help say; None if they say none."""
    names = list(dict.fromkeys((setting.name, *setting.aliases)))
    found = [family for name in names if len(name) > 1 and (family := _of_name(name, setting)) is not None]
    if found:
        return min(found, key=lambda family: (family.part, family.rank))
    words = tokens(setting.name)
    if _LR_HELP.search(setting.help) and not _STEERS & set(words):
        return Family("lr", 7)
    return None


def _of_name(name: str, setting: Setting) -> Family | None:
    words = tokens(name)
    key = "_".join(words)
    if _BATCH.fullmatch(key):
        return Family("batch", 0 if key in {"batch_size", "batchsize"} else 1)
    if _WEIGHT_DECAY.fullmatch(key) or (key == "decay" and _is_weight_decay(setting)):
        return Family("weight_decay", 0 if "decay" in key else 1)
    if re.fullmatch(r"\w+_(weight_decay|wd)|(weight_decay|wd)_\w+", key) and not _STEERS & (set(words) - {"decay"}):
        return Family("weight_decay", 5, part=not _GENERAL & set(words))
    return _share(key, words) or _learning_rate(key, words)


def _share(key: str, words: tuple[str, ...]) -> Family | None:
    """Return the family of a number from 0 to 1."""
    if _SMOOTHING.fullmatch(key):
        return Family("smoothing", 0 if "label" in key else 1)
    if _DROP_PATH.fullmatch(key):
        return Family("drop_path")
    if _DROP.fullmatch(key) and not _NOT_DROP & set(words):
        return _dropout(key, words)
    return Family("momentum", 0 if "momentum" in key else 1) if _MOMENTUM.fullmatch(key) else None


def _learning_rate(key: str, words: tuple[str, ...]) -> Family | None:
    if _LR.fullmatch(key) or key in _FIRST:
        return Family("lr", min(_FIRST.index(key) if key in _FIRST else 3, 9))
    if not any(_LR.fullmatch(word) for word in words) and "learning_rate" not in key:
        return None
    others = {word for word in words if not _LR.fullmatch(word)} - {"learning", "rate"}
    rank = next((rank for names, rank in _SECOND if others <= names), 0)
    if rank:
        return Family("lr", rank)
    # `ddim_eta` and the like are no rates.
    return None if _STEERS & others or "eta" in words else Family("lr", 20, part=True)


def _dropout(key: str, words: tuple[str, ...]) -> Family:
    others = set(words) - {"drop", "dropout", "out", "rate", "p", "prob", "probability", "ratio"}
    rank = _DROPOUTS.index(key) if key in _DROPOUTS else 10
    return Family("dropout", rank, part=bool(others))


def _is_weight_decay(setting: Setting) -> bool:
    """Return whether an option that is called `decay` is that of weights: its help says so, or its small default."""
    if _DECAY_HELP.search(setting.help):
        return True
    default = setting.number
    return not _RATE_DECAY_HELP.search(setting.help) and default is not None and 0 <= default <= 0.05  # noqa: PLR2004 - a rate's decay is a factor near 1
