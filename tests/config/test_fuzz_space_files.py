"""Whatever stands in a space file or after `--set`: a study, or one message that names the place; never a traceback."""

from __future__ import annotations

import copy
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from hpsearch.config.budget import Limits
from hpsearch.config.config import StudyConfig
from hpsearch.errors import InputError, SpaceUsedUpError
from hpsearch.objectives.space_files import load_space_file, parse_config
from hpsearch.report.tables import plan_line
from hpsearch.samplers import make_sampler
from hpsearch.samplers.rounds import first_round
from support import strategies
from support.fuzzing import (
    HOSTILE,
    SMALL,
    bombs,
    broken_files,
    cases,
    numbers,
    places,
    refusal,
    replaced,
    texts,
    values,
)

FULL = """\
study: cnn
metric: loss
direction: minimize
objective:
  command: python train.py --out {trial_dir} {args}
  epochs: 3
  metrics: {csv: "{trial_dir}/log.csv", first_epoch: 0}
space:
  lr: {loguniform: [1e-4, 1e-1], per: batch_size, reference: 32, rule: sqrt, limits: [1e-6, null]}
  batch_size: {choice: [16, 32, 64]}
  optimizer: {choice: {plain: {name: sgd}, fast: {name: adam, betas: [0.9, 0.99]}}}
  momentum: {quniform: [0.0, 0.9, 0.1], when: {optimizer: plain}}
  width: {lograndint: [8, 512]}
  fixed: text
constraints:
- lr * batch_size <= 5 or width < 100
search:
  sampler: sobol
  trials: 8
  levels: {width: 4}
  first: [{lr: 0.01, batch_size: 32, optimizer: fast, width: 8}]
  rounds: [{trials: 4}, {trials: 4, around: 2}]
prune: {stall: {patience: 25%, min_delta: 0.1, warmup: 2}, asha: {eta: 4, first: 2, mode: stop}, audit: 0.1}
budget: {time: 1h 30min, gpu_hours: 2.5, epochs: 100}
finalists: {configs: 2, seeds: 2}
ensemble: {members: 2, vote: hard, weights: uniform}
faults: {trial_timeout_s: 10, max_retries: 0}
export: {to: best.yaml, key: train, map: {lr: optim.lr}}
"""
CLASSIFIER = {
    "use": "image_classifier",
    "data": "digits",
    "epochs": 2,
    "split": {"train": 0.6, "val": 0.2, "test": 0.2},
}
RAW = [YAML(typ="safe", pure=True).load(text) for text in (SMALL, FULL)]
RAW.append({**RAW[0], "objective": CLASSIFIER})
NAMES = sorted(
    {str(part) for raw in RAW for path in places(raw) for part in path} | {"per", "when", "limits", "choice"}
)


pytestmark = pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")  # YAML allows it


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def put(folder: Path, content: bytes) -> Path:
    path = folder / "space.yaml"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("number", range(len(RAW)))
def test_what_is_broken_below_is_valid(number):
    parse_config(RAW[number])


@cases(300)
@given(content=broken_files(SMALL, FULL))
def test_any_file_is_a_study_or_is_refused_with_its_name(folder, content):
    path = put(folder, content)
    message = refusal(lambda: load_space_file(path))
    assert message is None or re.match(rf"{re.escape(str(path))}(:\d+)?: .", message)


@cases(15)
@given(bomb=bombs())
def test_aliases_and_depth_are_no_bombs(folder, bomb):
    path = put(folder, (SMALL + bomb).encode())
    assert refusal(lambda: load_space_file(path)), "each has an unknown key at least"


@st.composite
def broken_contents(draw: st.DrawFn) -> Any:
    """Return the content of a valid file with up to three places that hold something else."""
    raw = copy.deepcopy(draw(st.sampled_from(RAW)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(raw))) if isinstance(raw, (dict, list)) else ()
        match draw(st.sampled_from(("value", "value", "name", "known name", "number"))):
            case "value":
                raw = replaced(raw, path, draw(values))
            case "number":
                raw = replaced(raw, path, draw(numbers))
            case "name":
                raw = replaced(raw, path, draw(values), name=draw(texts))
            case "known name":
                raw = replaced(raw, path, draw(values), name=draw(st.sampled_from(NAMES)))
    return raw


@cases(500)
@given(raw=broken_contents())
def test_any_content_is_a_study_or_is_refused(raw):
    config: list[StudyConfig] = []
    if refusal(lambda: config.append(parse_config(raw))) is None:
        is_usable(config[0])


def is_usable(config: StudyConfig) -> None:
    """Do what a study does with its content before the first trial: all of it has to work."""
    stored = json.loads(json.dumps(config.raw, allow_nan=False))
    again = parse_config(stored)
    assert again.raw == config.raw
    assert again.hash == config.hash
    limits = Limits() if config.budget is None else config.budget.limits
    assert plan_line(config, config.search.total, "1 worker", limits=limits).isprintable()
    draws_lie_inside(config, 2)


def draws_lie_inside(config: StudyConfig, count: int) -> None:
    space, search = config.space, config.search
    if search.sampler in ("tpe", "gp"):
        search = search.model_copy(update={"sampler": "random"})  # they begin with it, and cost seconds
    sampler = make_sampler(search, space, config.seed, first_round(config).levels)
    for number in range(count):
        try:
            params = sampler.draw(number)
        except SpaceUsedUpError:
            return
        assert list(params) == space.active(params)
        assert space.allows(params)
        for name, stored in params.items():
            assert strategies.lies_in(space.parameters[name], stored)
        assert json.loads(json.dumps(params)) == params
        json.dumps(space.config_of(params), allow_nan=False)


@st.composite
def wide_ranges(draw: st.DrawFn) -> dict[str, list[float]]:
    """A range whose bounds may be as far out as a file can say."""
    kind = draw(st.sampled_from(("uniform", "loguniform", "randint", "lograndint")))
    if "int" in kind:
        bound = st.integers(1 if "log" in kind else -(2**63) + 1, 2**63 - 1)
    else:
        bound = st.floats(5e-324 if "log" in kind else -8e307, 8e307)
    low, high = sorted(draw(st.lists(bound, min_size=2, max_size=2, unique=True)))
    quantum = draw(st.sampled_from((1, 7, 1000))) if "int" in kind and draw(st.booleans()) else None
    if quantum is None:
        return {kind: [low, high]}
    low, high = max(-(2**53), low) // quantum * quantum, min(2**53, high) // quantum * quantum
    if "log" in kind:
        low = max(low, quantum)
    return {f"q{kind}": [low, max(high, low + quantum), quantum]}


@cases(150)
@given(
    space=st.dictionaries(
        strategies.names, wide_ranges() | strategies.raw_ranges() | strategies.raw_choices, min_size=1, max_size=6
    ),
    sampler=st.sampled_from(("jittered_grid", "random", "sobol")),
    seed=strategies.seeds,
)
@example(space={f"p{n}": {"randint": [1, 2**63 - 1]} for n in range(20)}, sampler="random", seed=0)
@example(
    space={**{f"p{n}": {"randint": [1, 2**63 - 1]} for n in range(20)}, "lr": {"uniform": [0, 1]}},
    sampler="jittered_grid",
    seed=0,
)
def test_any_valid_space_comes_back_from_its_file_and_is_drawn_from_within_its_bounds(folder, space, sampler, seed):
    raw = {**RAW[0], "space": space, "seed": seed, "search": {"sampler": sampler, "trials": 20}}
    try:
        config = parse_config(raw)
    except InputError:
        return  # names of the objective's settings, bounds that are too far apart
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(config.raw, text)
    assert load_space_file(put(folder, text.getvalue().encode())).raw == config.raw
    is_usable(config)
    draws_lie_inside(config, 20)


FIELDS = (
    *("study", "metric", "direction", "seed", "objective.epochs", "objective.python", "space.lr", "space.new"),
    *("search.trials", "search.levels.lr", "search.first", "prune", "prune.stall.patience", "prune.asha.eta"),
    *(
        "prune.screen",
        "prune.audit",
        "budget.time",
        "finalists.seeds",
        "ensemble.vote",
        "faults.trial_timeout_s",
        "export.to",
        "keep_checkpoints",
        "constraints",
    ),
    *("objective.data_dir", "objective.cwd", "search.warm_start.csv", "", ".", "a..b", "=", "search.trials.x"),
)


@cases(300)
@given(
    path=st.sampled_from(FIELDS) | st.sampled_from(NAMES) | texts,
    equals=st.sampled_from(("=",) * 9 + ("",)),
    value=texts | values.map(repr),
)
def test_any_override_is_taken_or_is_refused_with_itself(folder, path, equals, value):
    file = put(folder, SMALL.encode())
    override = f"{path}{equals}{value}"
    message = refusal(lambda: load_space_file(file, [override]))
    assert message is None or message.startswith("--set ")


EXPRESSIONS = (
    *("lr", "batch_size", "'adam'", "1e308", "-1", "0", "True", "null", "(", ")", " ** ", " * ", " / ", " % ", " <= "),
    *(" == ", " and ", " or ", "not ", "abs(", "exp(", "max(", ", ", "lambda: ", "__import__('os')", ".__class__", "["),
    *(" for x in y", " if 1 else ", "{lr}", "f'{lr}'", "\n", "#", ":=", "yield", "await ", "1_0", "0x1", "1j", "b'x'"),
)


@cases(1300)
@given(text=st.lists(st.sampled_from(EXPRESSIONS + HOSTILE), max_size=12).map("".join))
@example(text="lr <= " + "-" * 490 + "1")
@example(text="lr <= 2 ** 2 ** 2 ** 2 ** 2 ** 2")
def test_any_constraint_is_taken_or_is_refused(text):
    raw = {**RAW[0], "constraints": [text]}
    config: list[StudyConfig] = []
    message = refusal(lambda: config.append(parse_config(raw)))
    if message is None:
        draws_lie_inside(config[0], 2)
    else:
        assert message.startswith("constraints")
