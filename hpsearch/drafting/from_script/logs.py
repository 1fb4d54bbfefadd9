"""Logs that a script writes: CSV files and TensorBoard's events."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from hpsearch.drafting.from_script.epochs import first_epoch, name_of
from hpsearch.drafting.from_script.literals import called
from hpsearch.drafting.from_script.metric_names import is_metric, is_past, kind_rank, split_of, split_rank, words_of
from hpsearch.drafting.from_script.places import Source, is_epoch_name
from hpsearch.drafting.from_script.templates import Value, template_of
from hpsearch.drafting.from_script.written import TRIAL_DIR, Written, written

_LIGHTNING = ("lightning", "pytorch_lightning", "lightning_fabric")
_KERAS = ("keras", "tensorflow", "tf_keras")
_SHARED = "{}: line {} writes it where all trials would, not below an option for a folder of its own"
_NAME = re.compile(r"[A-Za-z][\w@./:() -]{0,80}")
_MOVED = (
    "workdir: line {} writes {} where the script runs, so each trial runs in its own folder; what it reads from there "
    "needs an absolute path"
)
_MOST_COLUMNS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """A log that a script writes.

    Attributes:
        way: `csv` or `tensorboard`.
        place: Its path.
        names: What its columns or scalars may be called.
        first_epoch: The number of its first epoch.
        options: What options of the script have to be, so that the log lies there.
        workdir: Whether each trial has to run in its own folder, because the script writes where it runs.
        unsure: What may be wrong.
    """

    way: str
    place: str
    names: tuple[str, ...]
    first_epoch: int = 1
    options: dict[str, str] = field(default_factory=dict)
    workdir: bool = False
    unsure: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """The name that looks most like the metric to judge by; empty if none does."""
        return best_name(self.names)


def find_log(source: Source) -> Log | None:
    """Return the log that is easiest to read, among those that a script writes."""
    finders = (_summary, _lightning, _keras, _dict_writer, _header, _frame, _tensorboard)
    found = [log for finder in finders for log in finder(source)]
    return min(found, key=lambda log: (not log.metric, bool(log.unsure)), default=None)


def best_name(names: Iterable[str]) -> str:
    """Return the name that looks most like the metric to judge by; empty if none does."""
    found = (name for name in dict.fromkeys(names) if _NAME.fullmatch(name) and is_metric(words_of(name)))
    return min(found, key=name_rank, default="")


def name_rank(name: str) -> tuple[int, ...]:
    """Return where a name stands among a script's: the smallest is judged by."""
    words = words_of(name)
    return (int(is_past(words)), split_rank(split_of(words)), kind_rank(words))


def texts_in(tree: ast.AST) -> Iterator[str]:
    """Yield the texts and the names of keywords in a syntax tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg


def modules(source: Source) -> set[str]:
    """Return the first parts of the names of the modules that a script imports."""
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _log(place: Written | None, call: ast.Call, name: str, *, names: Iterable[str], first: int = 1) -> Log:
    """Return a CSV file; if its place is not known, as one that is to be moved."""
    if place is not None and place.is_own:
        return Log(way="csv", place=place.path, names=tuple(names), first_epoch=first, options=place.options)
    here = _below_workdir(place)
    last = name if place is None else place.path.rpartition("/")[2] or name
    doubt = _MOVED.format(call.lineno, here) if here else _SHARED.format(last, call.lineno)
    return Log(
        way="csv",
        place=f"{TRIAL_DIR}/{here or last}",
        names=tuple(names),
        first_epoch=first,
        workdir=bool(here),
        unsure=(doubt,),
    )


def _below_workdir(place: Written | None) -> str:
    """Return a path as it is below the folder in which the script runs; empty if it is not known, or elsewhere."""
    if place is None or place.path.startswith(("/", "~", "..")) or place.is_own:
        return ""
    return PurePosixPath(place.path).as_posix().lstrip(".").lstrip("/")


def _summary(source: Source) -> Iterator[Log]:
    """Yield timm's `summary.csv`, whose columns are `train_` and `eval_` with the names of the metrics."""
    for call in source.callers.get("update_summary", ()):
        path = next((k.value for k in call.keywords if k.arg == "filename"), None)
        path = path or next((a for a in call.args if _ends_with(a, ".csv")), None)
        keys = [text for text in texts_in(source.tree) if text in {"top1", "acc1", "loss", "top5", "mAP", "map"}]
        names = [f"eval_{key}" for key in keys] or ["eval_top1"]
        yield _log(written(path, source), call, "summary.csv", names=names, first=0)


def _lightning(source: Source) -> Iterator[Log]:
    if not modules(source).intersection(_LIGHTNING):
        return
    names = tuple(name for tree in source.repository.trees for name in logged_names(Source(tree, source.modules)))
    for call in source.callers.get("CSVLogger", ()):
        given = {k.arg: k.value for k in call.keywords if k.arg}
        save_dir = call.args[0] if call.args else given.get("save_dir")
        name = _text(call.args[1] if len(call.args) > 1 else given.get("name"), "lightning_logs", source)
        version = _text(next(iter(call.args[2:]), given.get("version")), "version_0", source)
        place = written(save_dir, source)
        below = PurePosixPath(name, version, "metrics.csv").as_posix()
        file = None if place is None else Written(path=f"{place.path}/{below}", options=place.options)
        yield _log(file, call, below, names=names, first=0)
    for call in (*source.callers.get("Trainer", ()), *source.callers.get("from_argparse_args", ())):
        root = next((k.value for k in call.keywords if k.arg == "default_root_dir"), ast.Constant(""))
        place = written(root, source)
        below = "lightning_logs/version_0/metrics.csv"
        path = None if place is None else Written(path=f"{place.path}/{below}".lstrip("/"), options=place.options)
        log = _log(path, call, below, names=names, first=0)
        yield replace(log, unsure=(*log.unsure, "Trainer has no CSVLogger: give it logger=CSVLogger(...)"))


def logged_names(source: Source) -> tuple[str, ...]:
    """Return the names that Lightning modules log."""
    found: list[str] = []
    for call in (*source.callers.get("log", ()), *source.callers.get("log_dict", ())):
        if call.args:
            argument = call.args[0]
            found += _said(argument) or source.variables(call).entries(argument)
    return tuple(name for name in found if not name.startswith("*"))


def _keras(source: Source) -> Iterator[Log]:
    if modules(source).intersection(_LIGHTNING) or not modules(source).intersection(_KERAS):
        return
    for call in source.callers.get("CSVLogger", ()):
        path = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "filename"), None)
        yield _log(written(path, source), call, "log.csv", names=keras_names(source), first=0)


def keras_names(source: Source) -> tuple[str, ...]:
    """Return the names of what Keras measures: the metrics of `compile`, on validation data if `fit` has some."""
    fit = next(
        (c for c in source.callers.get("fit", ()) if any(k.arg in {"epochs", "callbacks"} for k in c.keywords)), None
    )
    has_validation = fit is not None and any((k.arg or "").startswith("validation") for k in fit.keywords)
    metrics = [
        text.value
        for call in source.callers.get("compile", ())
        for keyword in call.keywords
        if keyword.arg == "metrics"
        for text in ast.walk(keyword.value)
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    ]
    names = [*metrics, "loss"]
    return tuple(f"val_{name}" for name in names) if has_validation else tuple(names)


def _dict_writer(source: Source) -> Iterator[Log]:
    """Yield the files of `csv.DictWriter`, and of `csv.writer` whose first row is written out."""
    for call in (*source.callers.get("DictWriter", ()), *source.callers.get("writer", ())):
        if not call.args:
            continue
        columns = _columns(call, source) or [t for t in texts_in(source.tree) if is_metric(words_of(t))]
        if called(call) == "writer" and not any(is_metric(words_of(name)) for name in columns):
            continue
        yield _log(
            written(_opened(call.args[0], source), source),
            call,
            "metrics.csv",
            names=columns[:_MOST_COLUMNS],
            first=_first_of_rows(source),
        )


def _header(source: Source) -> Iterator[Log]:
    """Yield the files whose header line a script writes as text, such as `epoch,val_loss`."""
    for call in source.callers.get("write", ()):
        if not isinstance(call.func, ast.Attribute) or not call.args:
            continue
        cells = [cell.strip() for text in _said(call.args[0]) for cell in text.strip("\n").split(",")]
        if len(cells) > 1 and all(map(_NAME.fullmatch, cells)) and best_name(cells):
            place = written(_opened(call.func.value, source), source)
            yield _log(place, call, "metrics.csv", names=cells, first=_first_of_rows(source))


def _columns(call: ast.Call, source: Source) -> list[str]:
    variables = source.variables(call)
    if called(call) == "writer":
        rows = [
            c.args[0]
            for c in source.callers.get("writerow", ())
            if c.args and isinstance(c.args[0], (ast.List, ast.Tuple))
        ]
        texts = [[text for item in variables.items(row) for text in _said(item)] for row in rows]
        return next((row for row in texts if len(row) > 1), [])
    fields = (
        call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "fieldnames"), None)
    )
    if fields is None:
        return []
    keys = fields.func.value if isinstance(fields, ast.Call) and isinstance(fields.func, ast.Attribute) else fields
    keys = keys.args[0] if isinstance(keys, ast.Call) and keys.args else keys
    return [text for item in variables.items(fields) for text in _said(item)] or [*variables.entries(keys)]


def _opened(node: ast.expr, source: Source) -> ast.expr | None:
    """Return the path of an open file: of `open(path, "w")`, `path.open("w")`, and a name for one of them."""
    if isinstance(node, ast.Name):
        for one in ast.walk(source.tree):
            if (
                isinstance(one, ast.withitem)
                and isinstance(one.optional_vars, ast.Name)
                and one.optional_vars.id == node.id
            ):
                return _opened(one.context_expr, source)
            if isinstance(one, ast.Assign) and any(isinstance(t, ast.Name) and t.id == node.id for t in one.targets):
                return _opened(one.value, source)
    if isinstance(node, ast.Call) and called(node) == "open":
        return node.func.value if isinstance(node.func, ast.Attribute) else node.args[0] if node.args else None
    return None


def _frame(source: Source) -> Iterator[Log]:
    """Yield the files that pandas writes after each epoch."""
    for call in source.callers.get("to_csv", ()):
        if call.args and source.often(call) in {"epoch", "unknown"}:
            names = [text for text in texts_in(source.tree) if is_metric(words_of(text)) and len(text.split()) == 1]
            yield _log(written(call.args[0], source), call, "metrics.csv", names=names, first=_first_of_rows(source))


def _tensorboard(source: Source) -> Iterator[Log]:
    calls = [call for call in source.callers.get("add_scalar", ()) if call.args and _said(call.args[0])]
    tag = best_name(text for call in calls for text in _said(call.args[0]))
    if not tag:
        return
    best = next(call for call in calls if tag in _said(call.args[0]))
    step = next(iter(best.args[2:]), next((k.value for k in best.keywords if k.arg == "global_step"), None))
    doubts = []
    if step is not None and not is_epoch_name(name_of(step)):
        doubts.append(f"steps: line {best.lineno} gives {ast.unparse(step)}, and each step counts as an epoch")
    for call in source.callers.get("SummaryWriter", ()):
        given = {k.arg: k.value for k in call.keywords if k.arg}
        place = written(call.args[0] if call.args else given.get("log_dir") or given.get("logdir"), source)
        path = call.args[0] if call.args else given.get("log_dir") or given.get("logdir")
        here = "runs" if path is None else _below_workdir(place)
        if here:
            doubts.append(_MOVED.format(call.lineno, here))
        elif place is None or not place.is_own:
            doubts.append(f"SummaryWriter: line {call.lineno} writes where all trials would, not below an option")
        yield Log(
            way="tensorboard",
            place=TRIAL_DIR,
            names=tuple(text for call in calls for text in _said(call.args[0])),
            first_epoch=_first(step, best, source),
            options={} if place is None else place.options,
            workdir=bool(here),
            unsure=tuple(doubts),
        )


def _first(epoch: ast.expr | None, place: ast.AST, source: Source) -> int:
    return 0 if epoch is not None and first_epoch(epoch, source, place) == 0 else 1


def _first_of_rows(source: Source) -> int:
    """Return the number of the first epoch in the rows that a script writes."""
    for call in (c for name in ("writerow", "append", "writerows") for c in source.callers.get(name, ())):
        for argument in call.args:
            entries = source.variables(call).entries(argument)
            items = argument.elts if isinstance(argument, (ast.List, ast.Tuple)) else []
            epoch = entries.get("epoch") or entries.get("Epoch")
            epoch = epoch or next((item for item in items if is_epoch_name(name_of(item))), None)
            if epoch is not None:
                return _first(epoch, call, source)
    for call in source.callers.get("write", ()):
        pieces = template_of(call.args[0], source.variables(call)) if call.args else ()
        if len(pieces) > 1 and isinstance(pieces[0], Value) and str(pieces[1]).startswith(","):
            return _first(pieces[0].node, call, source)
    return 1


def _ends_with(node: ast.expr, ending: str) -> bool:
    return any(isinstance(one, ast.Constant) and str(one.value).endswith(ending) for one in ast.walk(node))


def _text(node: ast.expr | None, default: str, source: Source) -> str:
    if node is None:
        return default
    if isinstance(node, ast.Constant):
        value = node.value
        return default if value is None else f"version_{value}" if isinstance(value, int) else str(value)
    place = written(node, source)
    return default if place is None else place.path


def _said(node: ast.expr) -> list[str]:
    """Return the text that an expression writes out, alone; nothing for another one."""
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
