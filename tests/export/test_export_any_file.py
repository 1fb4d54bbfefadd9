"""Files of any content: a reader gets exactly what was set, and all that has no place is named."""

from __future__ import annotations

import ast
import copy
import json
from io import StringIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from hpsearch.errors import NoPlaceError
from hpsearch.export import plan_export
from hpsearch.export.write import Place
from support.documents import read_yaml

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=6),
    st.sampled_from(["${a.b}", "1e-3", "yes", "${oc.env:X}", "a: b", "lin_1e-4"]),
)
NAMES = st.sampled_from(["lr", "optimizer", "model", "layers", "x_1", "weight_decay", "on", "betas"])
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS,
        lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)


def as_yaml(tree: Any) -> str:
    out = StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style, writer.width, writer.allow_unicode = False, 1000, True
    writer.dump(tree, out)
    return out.getvalue()


def as_python(tree: Any) -> str:
    return "".join(f"{name} = {value!r}  # of {name}\n" for name, value in tree.items())


def from_python(text: str) -> Any:
    pairs = ((node.targets[0], node.value) for node in ast.parse(text).body if isinstance(node, ast.Assign))
    return {target.id: ast.literal_eval(value) for target, value in pairs if isinstance(target, ast.Name)}


KINDS = {
    "json": (lambda tree: json.dumps(tree, indent=2), json.loads),
    "yaml": (as_yaml, read_yaml),
    "python-assign": (as_python, from_python),
}


def paths_of(tree: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of each scalar, and of each list that has no mapping as an item: a scalar may replace it."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    holds = isinstance(tree, dict) or (isinstance(tree, list) and any(isinstance(item, dict) for item in tree))
    own = [above] if above and not holds else []
    return [*own, *(path for key, value in pairs for path in paths_of(value, (*above, key)))]


def apart(paths: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the paths that lead into no other one's value."""
    return [one for one in paths if not any(one != other and one[: len(other)] == other for other in paths)]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES, data=st.data())
def test_a_reader_gets_exactly_what_was_set(tmp_path, kind, tree, data):
    written, read = KINDS[kind]
    path = tmp_path / "any.file"
    path.write_text(written(tree), encoding="utf-8", newline="")
    tree = read(path.read_bytes().decode())  # a writer of YAML may sort
    paths = sorted(paths_of(tree), key=str)
    chosen = apart(data.draw(st.lists(st.sampled_from(paths), max_size=4, unique=True)) if paths else [])
    config = {".".join(map(str, one)): data.draw(SCALARS) for one in chosen}
    plan = plan_export(config, path, Place(format=kind, key="."), provenance={})
    expected = copy.deepcopy(tree)
    for (*outer, last), value in zip(chosen, config.values(), strict=True):
        inner: Any = expected
        for key in outer:
            inner = inner[key]
        inner[last] = value
    assert repr(read(plan.after.decode())) == repr(expected)
    assert plan.changes == (repr(expected) != repr(tree))
    assert (plan.added, plan.left_out) == ((), ())


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=TREES,
    config=st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(".".join), st.integers(0, 9), min_size=1),
)
def test_a_name_has_its_place_or_is_named(tmp_path, kind, tree, config):
    written, read = KINDS[kind]
    path = tmp_path / "any.file"
    path.write_text(written(tree), encoding="utf-8", newline="")
    there = {name for name in config if tuple(name.split(".")) in paths_of(tree)}
    places = {name: name for name in config}
    try:
        after = plan_export(config, path, Place(format=kind, names=places), provenance={}).after
    except NoPlaceError as error:
        named = error.head.partition(" for ")[2].split(", ")
        assert named == sorted(named, key=list(config).index)
        assert set(named) == set(config) - there
        assert [line.split("=")[0] for line in error.lines[:-1]] == [f"--map {name}" for name in named]  # noqa: PT017
    else:
        assert there == set(config)
        assert set(read(after.decode())) == set(tree)
