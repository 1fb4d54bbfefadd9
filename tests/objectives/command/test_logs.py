"""Logs as public training code writes them, read at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.objectives.command.logs import CsvReader, Logs
from hpsearch.objectives.command.metrics import source_of
from hpsearch.objectives.command.near_logs import near_log
from hpsearch.objectives.command.section import Metrics


def logs(folder, metric="acc", place="{trial_dir}/log.csv", **settings):
    source = source_of(Metrics.model_validate({"csv": place, **settings}), metric, folder, None)
    assert isinstance(source, Logs)
    return source


def read(folder, text, metric="acc", name="log.csv", **settings):
    """Return the metric by epoch of a whole log, and what is told of it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    source = logs(folder, metric, **settings)
    return {epoch: row[metric] for epoch, row in source.rows(None)}, source.notices


LIGHTNING = """epoch,step,train_loss_step,val_loss,train_loss
0,49,0.7,,
0,99,0.6,,
0,99,,0.5,
0,99,,,0.65
1,149,0.5,,
1,199,,0.4,
1,199,,,0.55
"""
YOLO = "               epoch,      train/box_loss,   metrics/mAP50\n" + "".join(
    f"                   {e},              0.0{e},          0.{e}5\n" for e in range(2)
)


@pytest.mark.parametrize(
    ("metric", "text", "settings", "measured"),
    [
        ("val_loss", LIGHTNING, {"first_epoch": 0}, {1: 0.5, 2: 0.4}),
        ("train_loss", LIGHTNING, {"first_epoch": 0}, {1: 0.65, 2: 0.55}),
        ("metrics/mAP50", YOLO, {"first_epoch": 0}, {1: 0.05, 2: 0.15}),
        ("fitness", YOLO, {"first_epoch": 0, "fitness": "0.9 * metrics_mAP50"}, {1: 0.045, 2: 0.135}),
        ("acc", "acc\n0.5\n0.75\n", {}, {1: 0.5, 2: 0.75}),
        ("acc", "epoch;acc\n1;0.5\n2;0.75\n", {}, {1: 0.5, 2: 0.75}),
        ("acc", "\ufeffepoch\tacc\r\n1\t0.5\r\n", {}, {1: 0.5}),
        ("acc", "epoch,acc\n1,0.5\n,0.9\n", {}, {1: 0.5}),
        ("acc", "epoch,acc\n1,0.5\n2,0.7", {}, {1: 0.5}),
        ("acc", "epoch,k,n\n1,3,\n1,,4\n", {"acc": "k / n"}, {1: 0.75}),
        ("acc", "epoch,acc\n100,0.5\n200,0.75\n", {"counted": True}, {1: 0.5, 2: 0.75}),
        ("acc", b"epoch,acc,note\n1,0.5,\xff\xfe\n", {}, {1: 0.5}),
    ],
)
def test_csv_files_of_all_kinds(tmp_path, metric, text, settings, measured):
    found, told = read(tmp_path, text, metric, **settings)
    assert found == pytest.approx(measured)
    assert told == []


@given(cut=st.integers(0, len(LIGHTNING)), again=st.integers(0, len(LIGHTNING)))
def test_a_log_is_read_alike_however_far_it_was_written_at_each_look(tmp_path_factory, cut, again):
    folder = tmp_path_factory.mktemp("log")
    source, found = logs(folder, "val_loss", first_epoch=0), {}
    for end in sorted((cut, again, len(LIGHTNING))):
        (folder / "log.csv").write_text(LIGHTNING[:end])
        found |= {epoch: row["val_loss"] for epoch, row in source.rows(None)}
    assert found == {1: 0.5, 2: 0.4}


def test_the_first_of_several_values_of_an_epoch_counts_and_that_is_told(tmp_path):
    text = "epoch,acc\n1,0.5\n1,0.6\n2,0.7\n2,0.7\n"
    found, told = read(tmp_path, text)
    assert found == {1: 0.5, 2: 0.7}
    (notice,) = told
    assert notice.startswith("an epoch has several rows with 'acc': its first one counts; or set metrics: {counted")
    assert read(tmp_path, text, counted=True)[0] == {1: 0.5, 2: 0.6, 3: 0.7, 4: 0.7}


def test_a_star_stands_for_what_is_not_known_before(tmp_path):
    text = "epoch,eval_top1\n0,75\n"
    place = "{trial_dir}/**/summary.csv"
    assert logs(tmp_path, "eval_top1", place).expected == f"'eval_top1' in {tmp_path}/**/summary.csv"
    assert list(logs(tmp_path, "eval_top1", place).rows(None)) == []
    found, _ = read(tmp_path, text, "eval_top1", "train/2024/summary.csv", place=place, first_epoch=0)
    assert found == {1: 75.0}


def test_another_column_or_file_is_named(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,step,val_acc\n1,2,0.5\n")
    near = near_log(logs(tmp_path), "acc", tmp_path)
    assert (near.what, near.write) == ("its columns are step, val_acc", "metric: val_acc")
    near = near_log(logs(tmp_path, acc="right / step"), "acc", tmp_path)
    assert near.what == "'acc' is computed of 'right', and its columns are step, val_acc"
    (tmp_path / "log.csv").write_text("epoch,acc\n1,good\n")
    assert near_log(logs(tmp_path), "acc", tmp_path).what == "its column 'acc' has no number in it"
    (tmp_path / "version_0").mkdir()
    (tmp_path / "log.csv").rename(tmp_path / "version_0" / "metrics.csv")
    near = near_log(logs(tmp_path), "acc", tmp_path)
    assert near.write == "csv: '{trial_dir}/version_0/metrics.csv'"
    assert CsvReader().names(Path("nowhere")) == []
    assert near_log(logs(tmp_path), "other", tmp_path) is None
