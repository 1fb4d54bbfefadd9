"""Which printed lines are measurements, and of which epoch."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.errors import FieldError, ObjectiveError
from hpsearch.objectives.command.epochs import MixedLinesError
from hpsearch.objectives.command.metrics import check_metrics, source_of
from hpsearch.objectives.command.section import Metrics

EPOCHS = 3


def read(lines, metric="acc", epochs=EPOCHS, **settings):
    """Return the measurements of all lines, as of a command that has ended, and what is told of them."""
    chosen = Metrics.model_validate(settings) if settings else None
    check_metrics(chosen, metric)
    source = source_of(chosen, metric, Path("nowhere"), None)
    rows = [row for line in lines if source.wants(line) for row in source.rows(line)]
    return [*rows, *source.left(epochs)], source.notices


def values(lines, **settings):
    return {epoch: metrics["acc"] for epoch, metrics in read(lines, **settings)[0]}


def dumped(*objects):
    return [json.dumps(one) for one in objects]


# Epochs


@pytest.mark.parametrize("step", ["step", "global_step", "iter", "iteration", "batch_idx", "Batch", "update"])
def test_steps_before_an_epochs_line_are_no_epochs(step):
    objects = [
        line for e in (1, 2, 3) for line in (*({step: s, "acc": 0.9} for s in range(5)), {"epoch": e, "acc": e / 4})
    ]
    assert values(dumped(*objects)) == {1: 0.25, 2: 0.5, 3: 0.75}
    without = [{name: value for name, value in one.items() if name != "epoch"} for one in objects]
    assert values(dumped(*without)) == {1: 0.25, 2: 0.5, 3: 0.75}


def test_lines_of_the_training_before_an_epochs_line_are_no_epochs():
    lines = [line for e in (1, 2) for line in ({"phase": "train", "acc": 0.9}, {"epoch": e, "acc": e / 4})]
    assert values(dumped(lines[0], *lines)) == {1: 0.25, 2: 0.5}


def test_what_does_not_count_is_no_step():
    assert values(dumped(*({"batch": 64, "acc": n / 4} for n in (1, 2, 3)))) == {1: 0.25, 2: 0.5, 3: 0.75}
    assert read(dumped(*({"batch": 64, "acc": n / 4} for n in (1, 2, 3))))[1] == []


@given(st.lists(st.sampled_from(["epoch", "step", "plain"]), max_size=12))
def test_lines_with_an_epoch_never_mix_with_others(kinds):
    epoch, lines = 0, []
    for step, kind in enumerate(kinds):
        epoch += kind == "epoch"
        lines.append(
            {"acc": 0.5, **({"epoch": epoch} if kind == "epoch" else {"step": step} if kind == "step" else {})}
        )
    named = kinds.count("epoch")
    mixed = named and "plain" in kinds[: kinds.index("epoch")]
    if mixed:
        with pytest.raises(MixedLinesError, match="came before one of epoch 1"):
            values(dumped(*lines), epochs=99)
        return
    found = list(values(dumped(*lines), epochs=99))
    expected = named or kinds.count("plain") or kinds.count("step")
    assert found == list(range(1, expected + 1))


def test_steps_alone_are_counted_in_the_end_with_a_notice_if_they_can_be_epochs():
    lines = dumped(*({"step": 100 * n, "acc": n / 4} for n in (1, 2, 3)))
    rows, told = read(lines)
    assert [(epoch, metrics["acc"]) for epoch, metrics in rows] == [(1, 0.25), (2, 0.5), (3, 0.75)]
    assert "3 lines with 'acc' count steps and name no epoch" in told[0]
    assert "set metrics: {counted: true}" in told[0]
    with pytest.raises(ObjectiveError, match="3 lines with 'acc' count steps"):
        read(lines, epochs=2)
    assert read(lines, epochs=2, counted=True)[1] == []


@pytest.mark.parametrize(
    ("said", "epoch"), [(2, 2), (2.0, 2), ("2", 2), (" 2 ", 2), ("2/30", 2), ("2 / 30", 2), ("2.0", 2), (None, 1)]
)
def test_an_epoch_is_said_as_a_number_or_its_text(said, epoch):
    assert list(values(dumped({"epoch": said, "acc": 0.5}))) == [epoch]


@pytest.mark.parametrize("said", ["last", "best", True, [1], {"now": 1}])
def test_what_is_of_no_epoch_is_no_measurement(said):
    assert values(dumped({"epoch": 1, "acc": 0.25}, {"epoch": said, "acc": 0.9})) == {1: 0.25}


def test_epochs_from_zero_need_a_setting_whatever_the_log():
    lines = dumped(*({"epoch": e, "acc": e / 4} for e in range(3)))
    assert values(lines, first_epoch=0) == {1: 0.0, 2: 0.25, 3: 0.5}
    with pytest.raises(ObjectiveError, match=r"epoch 0; where epochs count from 0, set metrics\.first_epoch: 0"):
        values(lines)
    with pytest.raises(ObjectiveError, match="epoch -1, but epochs count from 0"):
        values(dumped({"epoch": -1, "acc": 0.5}), first_epoch=0)


def test_half_epochs_are_refused_counted_or_computed():
    lines = dumped(*({"epoch": e / 2, "acc": e / 4} for e in (1, 2, 3)))
    with pytest.raises(ObjectiveError, match=r"epoch 0\.5; allowed: whole epochs from 1; or set metrics: \{counted"):
        values(lines)
    assert values(lines, counted=True) == values(lines, epoch="2 * epoch") == {1: 0.25, 2: 0.5, 3: 0.75}


# Numbers


@given(st.floats())
def test_a_number_as_text_is_that_number(number):
    (((_, metrics),), told) = read(dumped({"acc": f" {number!r} ", "loss": "0.5", "epoch": 1}))
    assert metrics["acc"] == number or (math.isnan(metrics["acc"]) and math.isnan(number))
    assert metrics["loss"] == 0.5  # such a writer makes text of all
    assert len(told) == 1


@pytest.mark.parametrize("value", ["93%", "0,93", "1_000", "", "tensor(0.93)", True, False, [0.93], "0x1f", "½"])
def test_what_is_nearly_a_number_is_none(value):
    assert values(dumped({"acc": value})) == {}


def test_text_beside_a_number_stays_text():
    (((_, metrics),), told) = read(dumped({"acc": 0.5, "id": "17"}))
    assert (metrics, told) == ({"acc": 0.5}, [])


def test_colours_make_no_difference():
    assert values(["\x1b[32m" + json.dumps({"acc": 0.5}) + "\x1b[0m"]) == {1: 0.5}
    assert values(["\x1b[1macc\x1b[0m: 0.5"], regex=r"acc: (?P<acc>\S+)") == {1: 0.5}


@pytest.mark.parametrize("line", ["acc=tensor(0.25, device='cuda:0')", "acc=25%", "acc=np.float64(-1e-3)"])
def test_a_group_that_holds_more_than_a_number_is_refused_with_the_group_to_write(line):
    with pytest.raises(ObjectiveError) as error:
        read([line], regex=r"acc=(?P<acc>\S+)")
    group = str(error.value).partition("so write ")[2].removesuffix(" in place of its group")
    (_, metrics), *_ = read([line], regex=f"acc={group}")[0]
    assert str(metrics["acc"]).lstrip("-") in {"0.25", "25.0", "0.001"}


def test_a_group_without_a_number_is_refused():
    with pytest.raises(ObjectiveError, match=r"found 'False' for acc; allowed: a number$"):
        read(["acc=False"], regex=r"acc=(?P<acc>\S+)")


def test_a_comma_behind_a_number_is_not_part_of_it():
    assert values(["epoch 2/3, acc 0.5, loss 1"], regex=r"epoch (?P<epoch>\S+) acc (?P<acc>\S+)") == {2: 0.5}


@pytest.mark.parametrize(
    "found",
    [{"val": {"acc": 0.5}}, {"val.acc": 0.5}, {"a": {"val": 1}, "val": {"acc": 0.5}}, {"val": {"acc": "0.5"}}],
)
def test_dots_lead_into_nested_objects(found):
    rows, _ = read(dumped({"epoch": 1, **found}), metric="val.acc")
    assert [(epoch, metrics["val.acc"]) for epoch, metrics in rows] == [(1, 0.5)]


# Computed metrics


def test_metrics_are_computed_of_the_fields_of_a_line():
    assert values(dumped({"correct": 3, "total": 4}), acc="correct / total") == {1: 0.75}
    nested = dumped({"epoch": 0, "val": {"right": 3, "n": 4}})
    assert values(nested, acc="100 * val.right / max(val.n, 1)", first_epoch=0) == {1: 75.0}
    assert values(["7 of 8 right"], regex=r"(?P<k>\d+) of (?P<n>\d+)", acc="k / n") == {1: 0.875}
    assert values(dumped({"acc": 93.0}), acc="acc / 100") == {1: 0.93}
    assert values(dumped({"val/acc@1": 93.0}), acc="val_acc_1 / 100") == {1: 0.93}


def test_a_computed_metric_without_its_fields_is_missing_and_without_a_number_it_is_nan():
    assert values(dumped({"correct": 3}), acc="correct / total") == {}
    assert math.isnan(values(dumped({"correct": 3, "total": 0}), acc="correct / total")[1])
    ((_, metrics),) = read(dumped({"acc": 0.5, "loss": 1000}), ppl="exp(loss)")[0]
    assert math.isnan(metrics["ppl"])


@pytest.mark.parametrize(
    ("settings", "path", "says"),
    [
        ({"acc": "correct /"}, "acc", "breaks off; allowed: arithmetic"),
        ({"acc": "open('x')"}, "acc", "'open' is not a function"),
        ({"acc": "a if b else c"}, "acc", "is not allowed"),
        ({"acc": "a < b"}, "acc", "is a comparison"),
        ({"acc": "[a][0]"}, "acc", "is not allowed"),
        ({"acc": "a.__class__()"}, "acc", "is not a function"),
        ({"regex": r"(?P<k>\d)", "acc": "k / n"}, "acc", "unknown name 'n' in 'k / n'; allowed: k"),
        ({"regx": r"acc (?P<acc>\d+)"}, "regx", "did you mean 'regex'?"),
        ({"regex": r"(?P<k>\d)"}, "regex", "has the groups k, and none for the metric"),
    ],
)
def test_a_wrong_formula_is_refused_before_anything_runs(settings, path, says):
    with pytest.raises(FieldError) as caught:
        check_metrics(Metrics.model_validate(settings), "acc")
    assert caught.value.path == ("objective", "metrics", path)
    assert says in str(caught.value)
