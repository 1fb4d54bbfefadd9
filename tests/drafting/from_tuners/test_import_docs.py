"""The tables of docs/import.md against what the importers do."""

import re

import pytest
from ray import tune
from ray.tune.search import sample

from hpsearch.drafting.from_tuners import nni, wandb, wandb_command, wandb_parameters
from hpsearch.drafting.from_tuners.ray_tune import _add
from hpsearch.drafting.from_tuners.translation import Translation
from support.documents import read_yaml
from support.paths import ROOT

PAGE = ROOT / "docs" / "import.md"


def rows(header):
    """Return the cells of the table with this first column."""
    lines = PAGE.read_text().splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {header} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return found
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def parsed(cell):
    return read_yaml(cell.strip("`"))


def words(header):
    return {word for row in rows(header) for word in re.findall(r"`([^`]+)`", row[0])}


@pytest.mark.parametrize(("theirs", "ours"), rows("W&B parameter"))
def test_a_wandb_parameter_becomes_what_the_page_says(theirs, ours):
    assert wandb_parameters.parameter(parsed(theirs), ("p",)).raw == parsed(ours)


@pytest.mark.parametrize(("theirs", "ours"), rows("NNI parameter"))
def test_an_nni_parameter_becomes_what_the_page_says(theirs, ours):
    translation = nni.read_search_space({"p": parsed(theirs)}, "page", "study")
    assert translation.carried == {"p": parsed(ours)}


@pytest.mark.parametrize(("theirs", "ours"), rows("Ray Tune"))
def test_a_distribution_of_ray_tune_becomes_what_the_page_says(theirs, ours):
    translation = Translation(origin="page", study="study")
    _add(translation, eval(theirs.strip("`"), {"tune": tune}), ("page", "p"), "p", {})  # noqa: S307 - of the page
    assert translation.carried == ({} if ours == "nothing" else {"p": parsed(ours)})


def test_the_tables_have_all_there_is():
    kinds = {parsed(theirs).get("distribution") for theirs, _ in rows("W&B parameter")} - {None}
    assert kinds == set(wandb_parameters.DISTRIBUTIONS)
    assert {parsed(theirs)["_type"] for theirs, _ in rows("NNI parameter")} == set(nni.TYPES)
    called = set(re.findall(r"tune\.(\w+)\(", "".join(theirs for theirs, _ in rows("Ray Tune"))))
    public = {name for name, value in vars(sample).items() if getattr(value, "_annotated_api_group", None)}
    offered = {name for name in public | vars(tune).keys() if hasattr(sample, name) and name.islower()}
    assert called == {name for name in offered if callable(getattr(sample, name))} | {"grid_search"}


def test_the_keys_of_a_sweep_are_all_there_is():
    assert words("key of a sweep") == {*wandb._READ, *wandb.LEFT_OUT}
    assert words("macro of a command") == set(wandb_command.MACROS)
    said = next(ours for theirs, ours in rows("key of a sweep") if theirs == "`method`")
    pairs = re.findall(r"`(\w+)` is `(\w+)`", said)
    assert dict(pairs) == wandb.SAMPLERS
