"""The text of a drafted space file."""

import shlex

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.drafting.flow import flow
from hpsearch.drafting.space_file import Block, CommandText, Comment, Entry, SpaceFile, literal
from hpsearch.drafting.writer import text_of
from support.documents import read_yaml


def file(**parts):
    return SpaceFile(**{"head": ("made",), "study": "s", "goal": (), "objective": (), "space": ()} | parts)


def test_comments_stand_in_a_column_and_long_ones_above():
    space = (Entry("lr", {"uniform": [0.1, 1]}, "default 0.5"), Entry("a", 3, "short"), Entry("b", "x", "long " * 20))
    lines = text_of(file(space=space)).splitlines()
    assert lines[-4:-2] == ["  lr: {uniform: [0.1, 1]}  # default 0.5", "  a: 3                     # short"]
    assert lines[-2:] == [f"  # b: {'long ' * 20}", "  b: x"]


def test_a_section_takes_one_line_unless_it_has_comments():
    entries = (Entry("trials", 48),)
    text = text_of(file(search=entries, finalists=(Entry("configs", 3), Entry("seeds", 5))))
    assert text.endswith("search:    {trials: 48}\nfinalists: {configs: 3, seeds: 5}\n")
    assert text_of(file(search=(Entry("trials", 48, "run_cap"),))).endswith("search:\n  trials: 48  # run_cap\n")


def test_blocks_and_comments():
    block = Block((Entry("template", "a b.yaml", "CHECK"), Entry("map", Block((Entry("lr", "optim.lr"),)))))
    text = text_of(file(objective=(Comment("one\nline"), Entry("config_file", block))))
    assert "  # one?line\n  config_file:\n    template: 'a b.yaml'  # CHECK\n    map:\n      lr: optim.lr\n" in text


def test_a_command_keeps_an_option_and_its_value_on_one_line():
    groups = (("python",), ("train.py",), *((f"--option-{number}", "{lr}") for number in range(12)))
    command = read_yaml(text_of(file(objective=(Entry("command", CommandText(groups)),))))["objective"]["command"]
    assert command.count("\\\n") > 1
    assert all(line.split()[-1 if line.endswith("}") else -2] == "{lr}" for line in command.splitlines())


@given(
    words=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9), min_size=1, max_size=9)
)
def test_any_words_of_a_command_are_read_back(words):
    command = CommandText(tuple((literal(word),) for word in words))
    found = read_yaml(text_of(file(objective=(Entry("command", command),))))["objective"]["command"]
    assert (shlex.split(found) if isinstance(found, str) else found) == list(map(literal, words))


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab: '", max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(values)
def test_any_value_is_read_back(value):
    found = read_yaml(f"x: {flow(value)}")["x"]
    assert found == value
    assert type(found) is type(value)
