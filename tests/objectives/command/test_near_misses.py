"""What the error shows of a command that measured nothing, and that what it says to write does work."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.objectives.command.metrics import check_metrics, source_of
from hpsearch.objectives.command.names import NEAR, nearness
from hpsearch.objectives.command.near_misses import near_miss, told
from hpsearch.objectives.command.section import Metrics
from support.documents import read_yaml

NUMBERS = st.one_of(st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.4g}")), st.integers(-1000, 1000))


def measured(write, line, metric):
    """Return the measurements of a line with what is to be written into the space file."""
    settings = Metrics.model_validate(read_yaml(write)["metrics"])
    check_metrics(settings, metric)
    source = source_of(settings, metric, Path("nowhere"), None)
    assert source.wants(line)
    return [(epoch, metrics[metric]) for epoch, metrics in source.rows(line)]


@pytest.mark.parametrize(
    ("metric", "line", "what", "row"),
    [
        ("val_acc", "{'epoch': 2, 'val_acc': 0.93}", "a Python dict", (2, 0.93)),
        ("val_acc", "{'epoch': 0, 'val_acc': tensor(0.93, device='cuda:0')}", "a Python dict", (1, 0.93)),
        ("eval_accuracy", "{'eval_accuracy': '0.91', 'epoch': '1.0'}", "a Python dict", (1, 0.91)),
        ("loss", "OrderedDict({'epoch': 1, 'loss': np.float64(0.5)})", "a Python dict", (1, 0.5)),
        ("val/acc", "{'epoch': 1, 'val/acc': 0.9}", "a Python dict", (1, 0.9)),
        ("acc", '2024-01-01 12:00:00,1 INFO {"epoch": 3, "acc": 0.5}', "JSON and other text", (3, 0.5)),
        ("acc", '{"epoch": 3, "acc": 0.5}', "on its standard error", (3, 0.5)),
        ("acc", '{"epoch": 3, "acc": "93%"}', 'has "93%" for it', (3, 93.0)),
        ("acc", '{"epoch": 3, "acc": [0.5]}', "has [0.5] for it", (3, 0.5)),
        ("val_acc", "Epoch 3/30: train loss 0.5, Val Acc: 93.1%", "a line of text has it, as 'Val Acc'", (3, 93.1)),
        ("val_acc", "Epoch [3/30] | train_acc=0.5 | val_acc=0.9", "a line of text has it", (3, 0.9)),
        ("acc1", " * Acc@1 76.13 Acc@5 92.86", "as 'Acc@1'", (1, 76.13)),
        ("val_loss", '  "val_loss": 0.5,', "a line of text has it", (1, 0.5)),
        ("val_loss", "step 0: train loss 4.28, val loss 4.29", "as 'val loss'", (1, 4.29)),
    ],
)
def test_a_near_miss_is_shown_with_a_setting_that_reads_it(metric, line, what, row):
    found = near_miss(["noise", line], metric, None)
    assert what in found.what
    in_line, below = told(found, ["noise"])
    assert found.what in in_line
    assert line.strip() in below
    assert f"Write below objective in the space file:\n    {found.write}" in below
    assert measured(found.write, line, metric) == [row]


@pytest.mark.parametrize(
    ("metric", "line", "write"),
    [
        ("acc", '{"epoch": 1, "val": {"acc": 0.9}}', "metric: val.acc"),
        ("accuracy", '{"epoch": 1, "val_acc": 0.9}', "metric: val_acc"),
        ("val_loss", '{"epoch": 1, "loss": 2, "valid_loss": 0.9}', "metric: valid_loss"),
        ("top1", '{"epoch": 1, "precision": 0.9}', "metric: one of these names"),
    ],
)
def test_another_name_in_json_is_named(metric, line, write):
    found = near_miss([line], metric, None)
    assert found.write == write
    assert "Write into the space file" in told(found, [])[1]


def test_the_nearest_line_is_shown_not_the_first():
    lines = ["loss 2.5", '{"epoch": 1, "train_loss": 2}', "{'epoch': 1, 'val_loss': 0.5}", "val loss: 0.5"]
    assert near_miss(lines, "val_loss", None).line == lines[2]


def test_a_metric_of_other_data_is_not_near():
    assert near_miss(["train loss 2.5"], "val_loss", None) is None
    assert nearness("Val Acc", "valid_accuracy") == 1.0
    assert nearness("train_acc", "val_acc") == 0.0
    assert nearness("acuracy", "accuracy") >= NEAR


def test_where_nothing_is_near_the_last_lines_are_shown():
    in_line, below = told(None, ["", *map(str, range(30)), ""])
    assert in_line == ""
    assert below == "\nThe end of its output:\n" + "\n".join(map(str, range(20, 30)))
    assert told(None, [" "]) == ("; it printed nothing", "")


def test_a_regex_that_finds_nothing_gets_one_that_does():
    own = Metrics(regex=r"epoch (?P<epoch>\d+) acc (?P<acc>\S+)")
    found = near_miss(["EPOCH 2 ACC 0.5"], "acc", own)
    assert "upper and lower case" in found.what
    assert measured(found.write, "EPOCH 2 ACC 0.5", "acc") == [(2, 0.5)]
    found = near_miss(["epoch=2, acc: 0.5"], "acc", own)
    assert measured(found.write, "epoch=2, acc: 0.5", "acc") == [(2, 0.5)]


def test_a_computed_metric_names_the_field_that_is_not_there():
    found = near_miss(['{"correct": 3, "count": 4}'], "acc", Metrics.model_validate({"acc": "correct / total"}))
    assert found.what == "'acc' is computed of 'total', and lines of JSON have correct, count"


@given(
    metric=st.from_regex(r"[a-z]{1,8}(_[a-z]{1,5})?", fullmatch=True).filter(lambda name: "epoch" not in name),
    value=NUMBERS,
    epoch=st.integers(1, 99),
    first=st.booleans(),
    others=st.dictionaries(st.sampled_from(["lr", "Time", "it/s", "n"]), NUMBERS, max_size=3),
)
def test_any_python_dict_gets_a_regex_that_reads_it(metric, value, epoch, first, others):
    pair = {"epoch": epoch, metric: value} if first else {metric: value, "epoch": epoch}
    line = repr({**{name: x for name, x in others.items() if name != metric}, **pair})
    found = near_miss([line], metric, None)
    assert measured(found.write, line, metric) == [(epoch, value)]


@given(st.text())
def test_any_line_is_looked_at_without_an_error(line):
    told(near_miss([line, f"acc{line}", f"{{{line}}}", f'{{"acc": {line}}}'], "acc", None), [line])
