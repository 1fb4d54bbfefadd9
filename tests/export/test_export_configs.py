"""Export into 20 and more config files of each format: only the mapped values change, byte for byte.

Where a file's values stand is found without the code under test: each candidate is replaced by a probe, and the
format's parser says which value the probe became.
"""

from __future__ import annotations

import copy
import functools
import json
import re
import tomllib
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from hpsearch.export import plan_export
from hpsearch.export.read import read_config
from hpsearch.export.write import Place
from hpsearch.space.parsing import parse_space
from support import strategies  # noqa: F401 - loads the profile
from support.documents import read_yaml

FOLDER = Path(__file__).parent / "configs"
FORMATS = ("yaml", "json", "toml")
# The mapping of each file that is merged into.
KEYS = {
    "yaml/all_flow.yaml": "train",
    "yaml/anchors_elsewhere.yaml": "finetune",
    "yaml/block_scalars.yaml": "generation",
    "yaml/cluster_job.yaml": "spec.template.config",
    "yaml/detector_hyp_columns.yaml": ".",
    "yaml/detectron_like.yaml": "SOLVER",
    "yaml/directives.yaml": "gbm",
    "yaml/empty_values.yaml": "trainer",
    "yaml/flow_style.yaml": "optim_wrapper",
    "yaml/hydra_targets.yaml": ".",
    "yaml/hydra_train.yaml": "model",
    "yaml/left_lists.yaml": "search",
    "yaml/lightning_cli.yaml": "model.init_args",
    "yaml/nanogpt_like.yaml": ".",
    "yaml/nested_deep.yaml": "pipeline.train",
    "yaml/odd_indent.yaml": "job.train",
    "yaml/quoted_keys.yaml": "optim",
    "yaml/segmentation_crlf.yaml": "training",
    "yaml/speech_bom.yaml": "optim",
    "yaml/sweep_values.yaml": "parameters",
    "yaml/tagged_rl.yaml": "LunarLander-v3",
    "yaml/timm_like.yaml": ".",
    "yaml/trailing_blanks.yaml": "ppo",
    "yaml/two_towers_no_newline.yaml": "fit",
    "yaml/unicode.yaml": "学習",
    "yaml/version_1_1.yaml": "solver",
    "json/aligned_colons.json": "vector",
    "json/allman_braces.json": "Optimizer",
    "json/blank_lines.json": "encoder",
    "json/compact.json": "space",
    "json/crooked.json": "distill",
    "json/decoding.json": "generation",
    "json/deep_nesting.json": "a.experiment.stages.second",
    "json/deepspeed_zero.json": "optimizer.params",
    "json/empty_places.json": "search",
    "json/escapes.json": "settings",
    "json/feature_flags.json": ".",
    "json/hf_training_args.json": ".",
    "json/leading_commas.json": "booster",
    "json/list_of_runs.json": "base",
    "json/lora_adapter.json": "lora",
    "json/notepad_bom.json": "Training",
    "json/number_styles.json": "physics",
    "json/one_line.json": "train",
    "json/rl_config.json": "training",
    "json/tokenizer_train.json": "trainer",
    "json/transformer_model.json": ".",
    "json/vscode_tabs.json": "trainer",
    "json/windows_crlf.json": "fit",
    "toml/aligned_equals.toml": "gbdt",
    "toml/arrays_of_tables.toml": "student",
    "toml/comments_everywhere.toml": "real",
    "toml/commented_arrays.toml": "schedule",
    "toml/dates_and_times.toml": "window",
    "toml/diffusion_flat.toml": ".",
    "toml/dotted_keys.toml": ".",
    "toml/empty_tables.toml": "run",
    "toml/inline_tables.toml": "optimizer",
    "toml/literal_strings.toml": "regex",
    "toml/llm_pretrain.toml": ".",
    "toml/multiline_strings.toml": "chat",
    "toml/number_styles.toml": "n",
    "toml/odd_indent.toml": "pipeline",
    "toml/pyproject_like.toml": "tool.birdsong.train",
    "toml/quoted_keys.toml": "group one",
    "toml/rust_like.toml": "package.metadata.sweep",
    "toml/spaced_headers.toml": "tool.my trainer",
    "toml/tables_out_of_order.toml": "agent",
    "toml/text_pipeline.toml": "training",
    "toml/top_then_tables.toml": ".",
    "toml/unicode.toml": "netz",
    "toml/vocoder_no_newline.toml": "vocoder",
    "toml/windows_crlf.toml": "network",
}
_QUOTED = r"'{3}[^']*'{3}|\"{3}[^\\]*?\"{3}|'(?:[^'\n]|'')*'|\"(?:[^\"\\\n]|\\.)*\""
_LIST = r"\[[^\[\]{}]*\]"
# A value ends at a comma or brace in flow style, and at a comment or the line's end in block style.
_CANDIDATES = tuple(
    re.compile(rf"[:=][ \t]*(?P<value>{_QUOTED}|{_LIST}|{plain})", re.MULTILINE)
    for plain in (
        r"[^\s\"'{}\[\],#&*!|>][^\r\n,}\]#]*?(?=[ \t]*[\r\n,}\]#]|\s*\Z)",
        r"[^\s{}\[#&*!|>].*?(?=[ \t]+#|\s*$)",
    )
)
_EMPTY = re.compile(r":(?P<value>)(?=[ \t]*(?:#|[,}]|\r?$))", re.MULTILINE)

HEALTHY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

Keys = tuple[str, ...]
Span = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """A config file.

    Attributes:
        at: The keys of the mapping that is merged into.
        values: The values below that mapping, by their keys from there.
        spans: Where their texts stand.
    """

    file: str
    data: bytes
    tree: dict[str, Any]
    at: Keys
    values: dict[Keys, Any]
    spans: dict[Keys, Span]

    @property
    def text(self) -> str:
        return self.data.decode()


def read(data: str | bytes, kind: str) -> Any:
    text = (data if isinstance(data, str) else data.decode()).removeprefix("\ufeff")
    if kind == "yaml":
        return read_yaml(text)
    return json.loads(text) if kind == "json" else tomllib.loads(text)


def leaves(tree: Any, above: Keys = ()) -> dict[Keys, Any]:
    if not isinstance(tree, dict) or not tree:
        return {above: tree}
    below = (leaves(value, (*above, key)) for key, value in tree.items() if isinstance(key, str))
    return {keys: value for one in below for keys, value in one.items()}


def probed(text: str, spans: list[Span], kind: str) -> dict[Keys, Span]:
    """Return which of the spans are one value each, by its keys; halves of them where all together can't be read."""
    if not spans:
        return {}
    parts, done = [], 0
    for number, (start, end) in enumerate(spans):
        parts += [text[done:start], f'{" " * (start == end)}"PROBE{number}"']
        done = end
    try:
        found = leaves(read("".join([*parts, text[done:]]), kind))
    except (ValueError, YAMLError):
        half = len(spans) // 2
        return probed(text, spans[:half], kind) | probed(text, spans[half:], kind) if half else {}
    values = [value for value in found.values() if isinstance(value, str)]
    once = {f"PROBE{number}": span for number, span in enumerate(spans) if values.count(f"PROBE{number}") == 1}
    return {keys: once[value] for keys, value in found.items() if isinstance(value, str) and value in once}


def below(tree: Any, key: str) -> Keys:
    """Return the keys that a dotted one stands for."""
    if key == ".":
        return ()
    head = next(name for name in tree if key == name or key.startswith(f"{name}."))
    return (head, *(below(tree[head], key[len(head) + 1 :]) if key != head else ()))


@functools.cache
def case(file: str) -> Case:
    data, kind = (FOLDER / file).read_bytes(), file.partition("/")[0]
    text, tree = data.decode(), read(data, kind)
    everything = leaves(tree)
    spans: dict[Keys, Span] = {}
    for pattern in (*_CANDIDATES, _EMPTY):
        missing = {keys for keys in everything if keys not in spans}
        if pattern is _EMPTY:
            missing = {keys for keys in missing if everything[keys] is None}
        if missing:
            candidates = {m.span("value") for m in pattern.finditer(text)} - set(spans.values())
            found = probed(text, sorted(candidates), kind)
            spans |= {keys: span for keys, span in found.items() if keys in missing}
    at = below(tree, KEYS[file])
    own = {keys[len(at) :]: span for keys, span in spans.items() if keys[: len(at)] == at}
    return Case(file, data, tree, at, {keys: everything[(*at, *keys)] for keys in own}, own)


def set_in(tree: Any, keys: Keys, value: Any) -> None:
    for key in keys[:-1]:
        tree = tree[key]
    tree[keys[-1]] = value


def taken_from(tree: Any, keys: Keys) -> Any:
    for key in keys[:-1]:
        tree = tree[key]
    return tree.pop(keys[-1])


def texts(values: dict[str, Any]) -> dict[str, str]:
    return {name: repr(value) for name, value in values.items()}


def assert_only_spans_changed(before: str, after: str, spans: list[Span]) -> None:
    parts, done = [], 0
    for start, end in sorted(spans):
        parts += [re.escape(before[done:start]), r"[^\r\n]*"]
        done = end
    assert re.fullmatch("".join([*parts, re.escape(before[done:])]), after), f"more than the values differs:\n{after}"


def assert_one_insertion(without: str, text: str, name: str) -> None:
    start = next((i for i, (a, b) in enumerate(zip(without, text, strict=False)) if a != b), len(without))
    length = len(text) - len(without)
    assert text[:start] + text[start + length :] == without
    inserted = text[start : start + length]
    assert name in inserted
    assert len([line for line in inserted.split("\n") if line.strip(" ,\r")]) <= 1


def scalars(kind: str) -> st.SearchStrategy[Any]:
    odd = ["yes", "off", "1e-5", "1_000", "0x1F", "1:30", "null", "- a", "a: b", "x # y", "it's", '"', "", "C:\\x", "ß"]
    found = st.one_of(
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(1e-6, 1.0),
        st.text(st.characters(codec="utf-8"), max_size=8),
        st.sampled_from(odd),
    )
    return found if kind == "toml" else st.one_of(found, st.none())


def configs(one: Case) -> st.SearchStrategy[dict[Keys, Any]]:
    kind = one.file.partition("/")[0]
    value = st.one_of(scalars(kind), st.lists(scalars(kind), max_size=3))
    named = sorted(keys for keys in one.values if keys != ("",))  # an empty place leaves a value out
    places = st.lists(st.sampled_from(named), min_size=1, max_size=5, unique=True)
    return places.flatmap(lambda keys: st.fixed_dictionaries(dict.fromkeys(keys, value)))


def additions(one: Case) -> st.SearchStrategy[dict[Keys, Any]]:
    """At most one name that is not in the file yet, in any mapping that has values."""
    parents = st.sampled_from(sorted({keys[:-1] for keys in one.values}))
    name = st.sampled_from(["new_rate", "on", "größer", "two words", "123"])
    value = scalars(one.file.partition("/")[0])
    some = st.tuples(parents, name, value).map(lambda found: {(*found[0], found[1]): found[2]})
    return st.one_of(st.just({}), some)


def planned(path: Path, one: Case, config: dict[Keys, Any]) -> Any:
    places = {f"p{number}": ".".join(keys) for number, keys in enumerate(config)}
    values = dict(zip(places, config.values(), strict=True))
    return plan_export(values, path, Place(key=KEYS[one.file], names=places), provenance={"study": "s", "trial": 1})


def put(folder: Path, one: Case) -> Path:
    path = folder / Path(one.file).name
    path.write_bytes(one.data)
    return path


def assert_only_mapped_values_change(tmp_path: Path, file: str, data: st.DataObject) -> None:
    one, kind = case(file), file.partition("/")[0]
    config, new = data.draw(configs(one)), data.draw(additions(one))
    path = put(tmp_path, one)
    export = planned(path, one, config | new)
    without = (planned(path, one, config) if new else export).after.decode()
    export.write()
    after = path.read_bytes().decode()
    tree, expected = read(after, kind), copy.deepcopy(one.tree)
    for keys, value in config.items():
        set_in(expected, (*one.at, *keys), value)
    for keys, value in new.items():
        assert repr(taken_from(tree, (*one.at, *keys))) == repr(value)
        assert_one_insertion(without, after, keys[-1])
    assert repr(tree) == repr(expected)  # the order of the keys too
    changed = [one.spans[keys] for keys, value in config.items() if repr(value) != repr(one.values[keys])]
    assert_only_spans_changed(one.text, without, changed)
    if "\r\n" in one.text:
        assert not re.search(r"(?<!\r)\n", after)
    assert not planned(path, one, config | new).changes


@pytest.mark.parametrize("file", [file for file in KEYS if file.startswith("yaml")])
@settings(max_examples=4, suppress_health_check=HEALTHY)  # ruamel.yaml is slow, and reads each example six times
@given(data=st.data())
def test_only_the_mapped_values_change_in_yaml(tmp_path, file, data):
    assert_only_mapped_values_change(tmp_path, file, data)


@pytest.mark.parametrize("file", [file for file in KEYS if not file.startswith("yaml")])
@settings(max_examples=5, suppress_health_check=HEALTHY)
@given(data=st.data())
def test_only_the_mapped_values_change_in_json_and_toml(tmp_path, file, data):
    assert_only_mapped_values_change(tmp_path, file, data)


@pytest.mark.parametrize("file", KEYS)
def test_values_that_are_there_already_change_nothing(tmp_path, file):
    one = case(file)
    path = put(tmp_path, one)
    same = {keys: value for keys, value in one.values.items() if not isinstance(value, (date, time))}
    export = planned(path, one, same)
    assert not export.changes
    assert export.diff() == ""
    export.write()
    assert path.read_bytes() == one.data
    assert list(tmp_path.iterdir()) == [path]


def test_a_value_that_only_yaml_1_1_reads_so_is_set(tmp_path):
    one = case("yaml/version_1_1.yaml")
    path = put(tmp_path, one)
    config = {("mode",): 644, ("interval",): "1:30", ("nesterov",): "yes"}  # what 1.2 reads from the file's text
    planned(path, one, config).write()
    found = read(path.read_bytes(), "yaml")["solver"]
    assert {keys: found[keys[0]] for keys in config} == config


@pytest.mark.parametrize("file", ["json/notepad_bom.json", "yaml/speech_bom.yaml"])
def test_a_config_in_a_file_with_a_byte_order_mark_is_read_back(file):
    one = case(file)
    name = next(keys[0] for keys, value in one.values.items() if isinstance(value, float))
    space = parse_space({name: {"uniform": [0.0, 1.0]}})
    assert read_config(FOLDER / file, KEYS[file], {}, space) == {name: one.values[name,]}


@pytest.mark.parametrize("kind", FORMATS)
def test_there_are_many_files_and_each_is_another(kind):
    files = sorted((FOLDER / kind).iterdir())
    assert len(files) >= 20
    assert {f"{kind}/{path.name}" for path in files} == {file for file in KEYS if file.startswith(kind)}
    contents = {path.read_bytes() for path in files}
    assert len(contents) == len(files)
    assert any(b"\r\n" in content for content in contents)
    assert any(not content.endswith(b"\n") for content in contents)
    assert kind == "toml" or any(content.startswith(b"\xef\xbb\xbf") for content in contents)  # tomllib takes none


@pytest.mark.parametrize("file", KEYS)
def test_the_places_of_the_values_are_found(file):
    one = case(file)
    assert len(one.spans) >= 4
    assert len(set(one.spans.values())) == len(one.spans)
