"""What frameworks print by themselves: Hugging Face's Trainer, Keras, gradient boosting, and detection tool boxes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from hpsearch.drafting.from_script.literals import called
from hpsearch.drafting.from_script.logs import best_name, keras_names, modules, texts_in
from hpsearch.drafting.from_script.metric_names import is_metric, short_name, words_of
from hpsearch.drafting.from_script.places import Source

_NUMBER = r"[-+.\w]+"
_TRAINERS = ("Trainer", "Seq2SeqTrainer", "SFTTrainer")
_OBJECTIVES = {"binary": "logloss", "multi": "mlogloss", "rank": "map", "reg": "rmse"}  # XGBoost's metrics by objective


@dataclass(frozen=True, kw_only=True, slots=True)
class Prints:
    """A line that a framework prints.

    Attributes:
        metric: The name of the group for the metric.
        regex: The regular expression.
        first_epoch: The number of its first epoch.
        unsure: What may be wrong.
    """

    metric: str
    regex: str
    first_epoch: int = 1
    unsure: tuple[str, ...] = ()


def find_prints(source: Source) -> Prints | None:
    """Return the line that the framework of a script prints; None if it uses none that is known."""
    imported = modules(source)
    finders = {
        "transformers": _trainer,
        "trl": _trainer,
        "keras": _keras,
        "tensorflow": _keras,
        "xgboost": _xgboost,
        "lightgbm": _lightgbm,
        "mmengine": _mmengine,
        "detectron2": _detectron,
        "ultralytics": _yolo,
        "pycocotools": _coco,
    }
    found = (one for name, finder in finders.items() if name in imported for one in finder(source))
    return next(found, None)


def _trainer(source: Source) -> Iterator[Prints]:
    """Yield the dictionaries that Hugging Face's Trainer prints after an evaluation: numbers, or from 5.0 on texts."""
    if not any(called(call) in _TRAINERS for call in source.calls):
        return
    functions = [n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef) and "metric" in n.name]
    names = [
        text
        for function in functions
        for text in texts_in(function)
        if is_metric(words_of(text)) and text.isidentifier()
    ]
    name = f"eval_{best_name(names) or 'loss'}"
    yield Prints(
        metric=name,
        regex=rf"'{name}': '?(?P<{name}>{_NUMBER}).*'epoch': '?(?P<epoch>\d+)(?:\.0+)?'?[,}}]",
        unsure=(f'{name}: Trainer prints it if the script evaluates at each epoch (eval_strategy="epoch")',),
    )


def _coco(source: Source) -> Iterator[Prints]:
    """Yield the first line of what pycocotools prints after each evaluation of a detector."""
    if any(called(call) in {"COCOeval", "summarize"} for call in source.calls):
        yield Prints(
            metric="map",
            regex=rf"\(AP\) @\[ IoU=0\.50:0\.95 \| area=\s+all \| maxDets=100 \] = (?P<map>{_NUMBER})",
            unsure=(
                "map: pycocotools prints it at each evaluation, and again if masks are evaluated; lines are counted",
            ),
        )


def _keras(source: Source) -> Iterator[Prints]:
    if not any(k.arg in {"epochs", "validation_data"} for c in source.callers.get("fit", ()) for k in c.keywords):
        return
    name = best_name(keras_names(source))
    if re.fullmatch(r"[A-Za-z_]\w*", name):
        yield Prints(
            metric=name,
            regex=rf"\b(?<!_){name}: (?P<{name}>{_NUMBER})",
            unsure=(f"{name}: `fit` prints it on a line of its own at each epoch; lines are counted",),
        )


def _xgboost(source: Source) -> Iterator[Prints]:
    """Yield XGBoost's `[7]  valid-rmse:0.48`, by the names of `evals` and the metric of the parameters."""
    sets = [
        item.elts[1].value
        for call in source.calls
        for keyword in call.keywords
        if keyword.arg == "evals"
        for item in source.variables(call).items(keyword.value)
        if isinstance(item, ast.Tuple) and len(item.elts) > 1 and isinstance(item.elts[1], ast.Constant)
    ]
    if not sets and any(k.arg == "eval_set" for c in source.callers.get("fit", ()) for k in c.keywords):
        sets = ["validation_0"]
    if not sets:
        return
    data = next((str(name) for name in sets if "train" not in str(name).lower()), str(sets[-1]))
    metric = _value_of("eval_metric", source) or next(
        (m for prefix, m in _OBJECTIVES.items() if _value_of("objective", source).startswith(prefix)), "rmse"
    )
    name = short_name((*words_of(data), *words_of(metric)), "")
    shown = re.sub(r"([.+*?()\[\]^$|\\])", r"\\\1", f"{data}-{metric}")
    yield Prints(
        metric=name,
        regex=rf"\[(?P<epoch>\d+)\].*?{shown}:(?P<{name}>{_NUMBER})",
        first_epoch=0,
        unsure=("epochs: each round of boosting counts as one, and the script has to print each (verbose_eval=1)",),
    )


def _lightgbm(source: Source) -> Iterator[Prints]:
    """Yield LightGBM's `[7]  valid_0's l2: 0.24`."""
    if not any(called(call) in {"train", "fit", "log_evaluation"} for call in source.calls):
        return
    metric = _value_of("metric", source) or _value_of("eval_metric", source)
    pattern = re.escape(metric) if metric else r"\w+"
    name = short_name(words_of(f"valid {metric or 'loss'}"), "")
    yield Prints(
        metric=name,
        regex=rf"\[(?P<epoch>\d+)\].*?valid\w*'s {pattern}: (?P<{name}>{_NUMBER})",
        unsure=("epochs: each round of boosting counts as one; the script has to print each (log_evaluation(1))",),
    )


def _mmengine(source: Source) -> Iterator[Prints]:
    if "Runner" in {called(call) for call in source.calls} or "from_cfg" in source.callers:
        names = r"(?:accuracy/top1|coco/bbox_mAP|pascal_voc/mAP|mIoU|coco/AP)"
        yield Prints(
            metric="val_score",
            regex=rf"Epoch\(val\) \[(?P<epoch>\d+)\].*?{names}: +(?P<val_score>{_NUMBER})",
            unsure=("val_score: of which of these names the config's evaluator has: see the lines with `Epoch(val)`",),
        )


def _detectron(source: Source) -> Iterator[Prints]:  # noqa: ARG001 - as the others
    yield Prints(
        metric="ap",
        regex=r"copypaste: (?P<ap>\d[\d.]*|nan)(?:,|$)",
        unsure=("ap: the first number of each task's `copypaste:` line; the script has to evaluate at each epoch",),
    )


def _yolo(source: Source) -> Iterator[Prints]:  # noqa: ARG001 - as the others
    yield Prints(
        metric="map",
        regex=rf"^\s*all\s+\d+\s+\d+\s+\S+\s+\S+\s+\S+\s+(?P<map>{_NUMBER})",
        unsure=("map: the last number of the line `all` that each validation prints (mAP50-95)",),
    )


def _value_of(key: str, source: Source) -> str:
    """Return the text that a key or a keyword of that name has somewhere, the first of a list; empty without one."""
    for node in ast.walk(source.tree):
        pairs: list[tuple[object, ast.expr]] = []
        if isinstance(node, ast.Dict):
            pairs = [(k.value, v) for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)]
        elif isinstance(node, ast.keyword):
            pairs = [(node.arg, node.value)]
        for name, value in pairs:
            first = value.elts[0] if isinstance(value, ast.List) and value.elts else value
            if name == key and isinstance(first, ast.Constant) and isinstance(first.value, str):
                return first.value
    return ""
