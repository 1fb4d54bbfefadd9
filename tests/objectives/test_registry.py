"""The registry of objectives: what each entry says, and that a new way is one entry and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.errors import FieldError, SpaceFileError
from hpsearch.executors.base import Workplace
from hpsearch.executors.inline import InlineExecutor
from hpsearch.objectives.base import TrainsOnly
from hpsearch.objectives.loading import check_bounds, check_objective, code_folder
from hpsearch.objectives.registry import WAYS, sections, way_of
from hpsearch.objectives.space_files import load_space_file, parse_config
from hpsearch.objectives.way import Way
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import TrialEnded, TrialMeasured
from support.documents import write_yaml
from support.executors import collect, spec
from support.factories import sample_raw

# A new way: a section, a class, and the entry.


class Formula(ObjectiveSection):
    """A number for each epoch, from a table in a file."""

    can_predict: ClassVar[bool | None] = False
    files: ClassVar[tuple[tuple[str, ...], ...]] = (("table",),)

    formula: str
    table: str | None = None


class FormulaObjective(TrainsOnly):
    """Evaluates the formula in each epoch."""

    what = "a formula"

    def __init__(self, settings, extra_path):
        self._settings = settings

    def train(self, config, trial):
        for epoch in trial.epochs():
            yield {"score": config["lr"] * epoch if self._settings.formula == "linear" else 0.0}


def check(settings, study, extra_path):
    if settings.formula != "linear":
        raise FieldError(("objective", "formula"), f"found {settings.formula!r}", "linear")


FORMULA = Way(
    key="formula",
    section=Formula,
    load=FormulaObjective,
    check=check,
    code_folder=lambda settings, folder, module_folder: Path(folder, "formulas"),
)


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(WAYS, FORMULA.key, FORMULA)


def written(path, **settings):
    return write_yaml(path / "new.yaml", sample_raw() | {"objective": {"epochs": 3, "formula": "linear", **settings}})


@pytest.mark.usefixtures("registered")
def test_a_new_way_is_parsed_checked_and_trained(tmp_path):
    config = load_space_file(written(tmp_path, table="numbers.csv"))
    assert config.objective == Formula(epochs=3, formula="linear", table=str(tmp_path / "numbers.csv"))
    assert parse_config(config.raw).objective == config.objective
    check_objective(config)
    assert code_folder(config.objective, "/here", None) == Path("/here/formulas")
    executor = InlineExecutor(Workplace(objective=config.objective, folder=str(tmp_path)), Interrupts())
    executor.submit(spec(tmp_path, epochs=3, config={"lr": 0.5}))
    *events, ended = collect(executor)
    executor.close()
    assert [e.measurement.metrics["score"] for e in events if isinstance(e, TrialMeasured)] == [0.5, 1.0, 1.5]
    assert isinstance(ended, TrialEnded)
    assert ended.error is None


@pytest.mark.usefixtures("registered")
def test_a_new_way_has_the_messages_of_all_others(tmp_path):
    with pytest.raises(SpaceFileError, match=r"objective: has none of use, .*, formula; .* did you mean 'formula'\?"):
        load_space_file(write_yaml(tmp_path / "a.yaml", sample_raw() | {"objective": {"epochs": 3, "formla": "a"}}))
    with pytest.raises(SpaceFileError, match=r"objective: has both 'python' and 'formula'"):
        load_space_file(written(tmp_path, python="a:b"))
    with pytest.raises(SpaceFileError, match=r"objective\.tabel: unknown key .* did you mean 'table'\?"):
        load_space_file(written(tmp_path, tabel="a"))
    with pytest.raises(FieldError, match=r"objective\.formula: found 'cubic'; allowed: linear"):
        check_objective(load_space_file(written(tmp_path, formula="cubic")))


def test_it_is_unknown_where_it_is_not_registered(tmp_path):
    with pytest.raises(SpaceFileError, match="objective: has none of use, python, command, optuna, tune, lightning"):
        load_space_file(written(tmp_path))


# The entries there are

EXAMPLES = {
    "use": {"use": "image_classifier", "data": "digits"},
    "python": {"python": "a.b:c"},
    "command": {"command": "python train.py {args}"},
    "optuna": {"optuna": "a.b:c"},
    "tune": {"tune": "a.b:C"},
    "lightning": {"lightning": "a.b:c"},
}


def parsed(key, **settings):
    section = EXAMPLES[key] | {"epochs": 2} | settings
    return parse_config(sample_raw() | {"objective": section}).objective


def test_there_is_an_example_of_each():
    assert list(EXAMPLES) == list(WAYS) == list(sections())


@pytest.mark.parametrize("key", EXAMPLES)
def test_a_section_has_its_entry(key):
    way = way_of(parsed(key))
    assert way is WAYS[key]
    assert key in way.section.model_fields


@pytest.mark.parametrize(
    ("key", "predicts", "built_in", "own_processes"),
    [
        ("use", True, True, False),
        ("python", None, False, False),
        ("command", False, False, True),
        ("optuna", False, False, False),
        ("tune", False, False, False),
        ("lightning", False, False, False),
    ],
)
def test_what_is_known_from_the_settings(key, predicts, built_in, own_processes):
    section = parsed(key)
    assert section.can_predict is predicts
    assert (section.built_in, section.own_processes) == (built_in, own_processes)


@pytest.mark.parametrize(
    ("key", "settings", "resumes"),
    [
        ("use", {}, True),
        ("python", {}, True),
        ("tune", {}, True),
        ("lightning", {}, True),
        ("optuna", {}, False),
        ("command", {}, False),
        ("command", {"command": "t --from={resume_from} {args}"}, True),
        ("command", {"command": ["t", "{args}", "{resume_from}"]}, True),
        ("command", {"resume": "--resume {resume_from}"}, True),
        ("command", {"config_file": {"template": "t.yaml", "map": {"lr": "a", "resume_from": "b"}}}, True),
        ("command", {"config_file": {"template": "t.yaml", "map": {"lr": "a"}}}, False),
    ],
)
def test_only_what_can_go_on_may_pause(key, settings, resumes):
    section = parsed(key, **settings)
    assert (section.can_resume, section.can_pause) == (resumes, resumes)


def test_only_the_built_in_objective_knows_its_bounds():
    wide = parse_config(sample_raw() | {"space": {"dropout": {"uniform": [0.0, 2.0]}}}).space
    with pytest.raises(FieldError, match="dropout"):
        check_bounds(parsed("use"), wide, "dropout")
    for key in EXAMPLES.keys() - {"use"}:
        check_bounds(parsed(key), wide, "dropout")


def test_the_registry_is_light():
    code = (
        "import sys; from hpsearch.objectives.space_files import parse_config\n"
        f"for objective in {[one | {'epochs': 2} for one in EXAMPLES.values()]!r}:\n"
        f"    parse_config({sample_raw()!r} | {{'objective': objective}})\n"
        "print(sorted({'torch', 'ray', 'optuna', 'lightning', 'numpy', 'subprocess'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
