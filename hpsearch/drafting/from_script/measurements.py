"""A guess from a script's source: which metric it measures, and where its measurements can be read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from hpsearch.drafting.from_script.literals import called, evaluate
from hpsearch.drafting.from_script.setting import UNKNOWN
from hpsearch.drafting.space_file import DEFAULT_METRIC

_KNOWN = re.compile(
    r"(?:(?:val|valid|validation|eval|dev|test|train)[_/])?"
    r"(?:accuracy|acc|acc1|top1|f1|auc|auroc|miou|iou|dice|map|bleu|rouge|psnr|ssim|r2|loss|error|err|rmse|mse|mae|nll|"
    r"perplexity|ppl|wer|cer|fid)",
    re.IGNORECASE,
)
_MINIMIZE = {"loss", "error", "err", "rmse", "mse", "mae", "nll", "perplexity", "ppl", "wer", "cer", "fid"}
_VALIDATION = {"val", "valid", "validation", "eval", "dev"}
_ACCURATE = {"accuracy", "acc", "acc1", "top1"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurements:
    """Where a script's measurements seem to be.

    Attributes:
        metric: The name of the metric.
        known: Whether the metric was found in the script.
        way: `json`, `regex`, `csv` or `tensorboard`; empty if none was found.
        place: The regular expression, the file or the folder.
        first_epoch: The number of the first epoch in the script's log.
        unsure: What was guessed and may be wrong, each with what to look at.
    """

    metric: str = DEFAULT_METRIC
    known: bool = False
    way: str = ""
    place: str = ""
    first_epoch: int = 1
    unsure: tuple[str, ...] = ()

    @property
    def direction(self) -> str:
        """`minimize` or `maximize`, by the metric's name."""
        return direction_of(self.metric)


def direction_of(metric: str) -> str:
    """Return `minimize` for a name like a loss or an error, else `maximize`."""
    return "minimize" if _MINIMIZE.intersection(_words(metric)) else "maximize"


def guess_measurements(tree: ast.AST) -> Measurements:
    """Return what a script's source suggests.

    Lines of JSON come first, then TensorBoard, a printed line, and CSV files.
    """
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {called(call) for call in calls}
    dumped = [text for call in calls if called(call) == "dumps" for text in _texts(call)]
    if any(called(call) == "print" and any(called(c) == "dumps" for c in _calls_in(call)) for call in calls):
        return _with_metric(_metrics(dumped) or _metrics(_texts(tree)), way="json")
    tags = _metrics(text for call in calls if called(call) == "add_scalar" for text in _texts(call))
    if "SummaryWriter" in names and tags:
        return _with_metric(tags, way="tensorboard", place="{trial_dir}")
    printed = _printed(tree, calls)
    if printed is not None:
        return printed
    found = _metrics(_texts(tree))
    if names & {"DictWriter", "CSVLogger"}:
        return _with_metric(found, way="csv", place="{trial_dir}/metrics.csv")
    return _with_metric(found)


def _with_metric(found: list[str], way: str = "", place: str = "") -> Measurements:
    best = min(found, key=_rank, default="")
    return Measurements(metric=best or DEFAULT_METRIC, known=bool(best), way=way, place=place)


def _rank(metric: str) -> int:
    words = _words(metric)
    split = 0 if _VALIDATION & words else 3 if "train" in words else 2 if "test" in words else 1
    return 10 * split + (0 if _ACCURATE & words else 1 if not _MINIMIZE & words else 2)


def _words(metric: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", metric.lower()))


def _metrics(texts: Iterator[str] | list[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if _KNOWN.fullmatch(text)))


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg


def _calls_in(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _printed(tree: ast.AST, calls: list[ast.Call]) -> Measurements | None:
    """Return a regular expression for the printed or logged f-string that has the best metric, if there is one."""
    found = []
    for call in calls:
        if called(call) in {"print", "info", "write"} and call.args and isinstance(call.args[0], ast.JoinedStr):
            pattern, names = _pattern(call.args[0])
            metrics = _metrics(list(names))
            if metrics:
                found.append((min(metrics, key=_rank), pattern, "epoch" in names))
    if not found:
        return None
    metric, pattern, counted = min(found, key=lambda one: _rank(one[0]))
    first = _first_epoch(tree) if counted else 1
    return Measurements(metric=metric, known=True, way="regex", place=pattern, first_epoch=first)


def _pattern(string: ast.JoinedStr) -> tuple[str, set[str]]:
    """Return a regular expression that matches what an f-string prints, and the names of its groups."""
    parts, names = [], set[str]()
    for part in string.values:
        if isinstance(part, ast.Constant):
            text = re.sub(r"\s+", " ", str(part.value))
            parts.append(re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text).replace(" ", r"\s+"))
        elif isinstance(part, ast.FormattedValue):
            name = _named(part.value)
            is_new = name not in names and (name == "epoch" or bool(_KNOWN.fullmatch(name)))
            digits = r"\s*\d+" if name == "epoch" else r"\s*[-+.\w]+"
            parts.append(f"{digits[:3]}(?P<{name}>{digits[3:]})" if is_new else r".*?")
            names |= {name} if is_new else set()
    return "".join(parts).strip().removesuffix(r"\s+").removesuffix(".*?"), names


def _named(node: ast.expr) -> str:
    """Return the name of a printed value: `loss` for `loss`, `metrics["loss"]`, `meter.loss` and `loss.item()`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "item":
        return _named(node.func.value)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value) if str(node.slice.value).isidentifier() else ""
    return node.attr if isinstance(node, ast.Attribute) else ""


def _first_epoch(tree: ast.AST) -> int:
    """Return where the loop over `epoch` begins: 1 for `range(1, ...)`, 0 for `range(n)`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.For) or not isinstance(node.target, ast.Name) or node.target.id != "epoch":
            continue
        loop = next((c for c in _calls_in(node.iter) if called(c) in {"range", "trange"}), None)
        if loop is not None:
            start = evaluate(loop.args[0], {}) if len(loop.args) > 1 else 0
            return 1 if start is UNKNOWN or start != 0 else 0
    return 1
