"""Studies for tests of reports and progress, made through the store and the commit protocol, as by a driver."""

import math
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hpsearch.objectives.space_files import parse_config
from hpsearch.store.store import Store
from hpsearch.study.study import Study
from hpsearch.trial.folder import LOG, AttemptWriter, attempt_folder
from hpsearch.trial.trial import Decision, Measurement, Stage, State, StopReason, TrialRecord, TrialSpec

EPOCHS = 20
RAW = {
    "study": "cnn",
    "metric": "val_accuracy",
    "direction": "maximize",
    "objective": {"use": "image_classifier", "data": "digits", "epochs": EPOCHS},
    "space": {
        "lr": {"loguniform": [1e-4, 1e-1]},
        "batch_size": {"choice": [16, 32, 64, 128]},
        "head": {"choice": {"small": [64], "large": [256, 64]}},
        "dropout": {"uniform": [0.0, 0.5]},
        "optimizer": "adamw",
    },
    "search": {"trials": 8},
    "finalists": {"configs": 2, "seeds": 3},
}
TRACEBACK = (
    'Traceback (most recent call last):\n  File "train.py", line 3, in fit\nValueError: [lr] is \x1b[31mtoo large'
)


def config(**changes):
    return parse_config({**RAW, **changes})


def make(folder, settings=None):
    """Return an empty study."""
    settings = settings or config()
    folder.mkdir(parents=True, exist_ok=True)
    store = Store.create(folder, settings.study, None, settings.direction, {"trials": settings.search.trials})
    return Study(settings.study, folder, settings, store)


def params(settings, number):
    return {name: d.draw((0.37 + 0.29 * number) % 1) for name, d in settings.space.parameters.items()}


def add(study, number, values, reason=None, **fields):
    """Add a trial with its folder; without a reason it is running.

    Args:
        fields: `stage`, `source`, `replicate`, `traceback`, `log`.
    """
    store, settings, folder = study.store, study.config, study.folder
    stage = fields.get("stage", Stage.SEARCH)
    source = fields.get("source", number)
    record = TrialRecord(
        stage=stage,
        number=number,
        state=State.RUNNING,
        params=params(settings, source),
        seed=100 + number,
        source=fields.get("source"),
        replicate=fields.get("replicate"),
    )
    store.create_trial(record, settings.space)
    store.start_attempt(stage, number, 1)
    history = [
        Measurement(epoch=e, metrics={settings.metric: v, "train_loss": 2 / e, "val_loss": 3 / e}, seconds=1.5)
        for e, v in enumerate(values, 1)
    ]
    error = fields.get("traceback")
    last_line = error.splitlines()[-1] if error else None
    _write_folder(settings, folder, record, history, reason, error, fields.get("log", ""))
    for measurement in history:
        store.add_measurement(stage, number, measurement, settings.metric)
    if reason is not None:
        end = {"metric": settings.metric, "worker": "gpu1:4711", "error": last_line}
        store.end_trial(stage, number, Decision(reason), history=history, **end)
    store.flush()


def _write_folder(settings, folder, record, history, reason, error, log):
    path = attempt_folder(folder, record.stage, record.number, 1)
    spec = TrialSpec(
        stage=record.stage,
        number=record.number,
        config=settings.space.config_of(record.params),
        seed=record.seed,
        attempt=1,
        epochs=settings.objective.epochs,
        metric=settings.metric,
        direction=settings.direction,
        folder=str(path),
    )
    writer = AttemptWriter(spec, "gpu1:4711")
    for measurement in history:
        writer.commit(measurement)
    if reason is not None:
        writer.finish(Decision(reason), error.splitlines()[-1] if error else None, error)
    (path / LOG).write_text(log)


def searched(folder, settings=None):
    """Return a study with all kinds of search trials: 3 with values that can win, NaNs, an error, one running."""
    return _search(folder, settings) if settings else _copy("_search", folder)


def finished(folder, settings=None):
    """Return a study that is done: trials 5 and 1 are its finalists, and one seed of trial 5 has diverged."""
    return _finish(folder, settings) if settings else _copy("_finish", folder)


def _copy(builder, folder):
    """Return a copy of a builder's study; the builder runs only once, for databases are slow to make."""
    for name, content in _files(builder).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    store = Store.open(folder)
    return Study(store.name, folder, config(), store)


@cache
def _files(builder):
    with TemporaryDirectory() as name:
        globals()[builder](Path(name), config()).close()
        return {str(path.relative_to(name)): path.read_bytes() for path in Path(name).rglob("*") if path.is_file()}


def _search(folder, settings):
    study = make(folder, settings)
    rising = [0.1 + 0.85 * (1 - math.exp(-e / 4)) for e in range(1, EPOCHS + 1)]
    add(study, 0, [v - 0.02 for v in rising], StopReason.FINISHED)
    add(study, 1, [0.2, 0.9712, *[0.9] * 7], StopReason.STALLED, log="epoch 1\n[red]epoch 2\n")
    add(study, 2, [0.3, math.nan], StopReason.DIVERGED)
    add(study, 3, [0.5], StopReason.ERROR, traceback=TRACEBACK)
    add(study, 4, [math.nan], StopReason.DIVERGED)
    add(study, 5, [0.4, 0.97121, 0.8], StopReason.STALLED)
    add(study, 6, [0.6, 0.7])
    return study


def _finish(folder, settings):
    study = _search(folder, settings)
    store, settings = study.store, study.config
    end = {"metric": settings.metric, "worker": "gpu1:4711", "error": None}
    history = [Measurement(epoch=e, metrics={settings.metric: v}) for e, v in ((1, 0.6), (2, 0.7))]
    store.end_trial(Stage.SEARCH, 6, Decision(StopReason.STALLED), history=history, **end)
    store.flush()
    add(study, 7, [0.65], StopReason.FINISHED)
    values = {5: [[0.95, 0.968], [0.2, 0.961], [math.nan]], 1: [[0.9, 0.9667], [0.9, 0.9651], [0.9, 0.9644]]}
    pairs = [(source, replicate) for source in values for replicate in range(3)]
    for number, (source, replicate) in enumerate(pairs):
        curve = values[source][replicate]
        reason = StopReason.DIVERGED if math.isnan(curve[0]) else StopReason.FINISHED
        add(study, number, curve, reason, stage=Stage.FINALISTS, source=source, replicate=replicate)
    store.put("done", value=True)
    return study


def score(accuracy, log_loss=0.1234, n=360):
    return {"accuracy": accuracy, "log_loss": log_loss, "n": n}


def scores(base):
    return {"ensemble": score(base), "best_single": score(base - 0.004), "mean_single": score(base - 0.008)}


def vote(store, numbers=(0, 3), *, readings=1):
    """Give the study an ensemble of finalists' trials, and readings of the test split; the last is the ensemble's."""
    members = [
        {
            "stage": "finalists",
            "number": number,
            "trial": 5 if number < 3 else 1,
            "seed": 100 + number,
            "weight": 1 / len(numbers),
            "checkpoint": f"finalists/{number:05d}/attempt-1/epoch-00002.pt",
        }
        for number in numbers
    ]
    store.put("ensemble", {"candidates": [], "members": members, "vote": "soft", "val": scores(0.98)})
    own = {
        "members": [[m["stage"], m["number"]] for m in members],
        "weights": [m["weight"] for m in members],
        "vote": "soft",
        "scores": scores(0.975),
        "trials": 8,
        "seen_before": readings > 1,
    }
    other = own | {"members": [["finalists", 4]], "weights": [1.0], "scores": scores(0.9), "seen_before": False}
    store.put("test_readings", ([other] * (readings - 1) + [own])[:readings])
