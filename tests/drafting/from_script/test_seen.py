"""What a script has printed, read back, and what to write where it was no measurement."""

import re

import pytest

from hpsearch.drafting.from_script.seen import hints, measured_lines
from hpsearch.objectives.command.section import Command, Metrics

JSON = Command(command="x", epochs=2)

LOGS = {  # of public projects: lines, the line to read, its metric and epoch
    "fairseq": (
        ["| epoch 001:   1000 / 2737 loss=6.220, nll_loss=5.070, ppl=33.60, wps=12800, lr=0.0002",
         "| epoch 001 | loss 6.326 | nll_loss 5.193 | ppl 36.58 | wps 12876 | lr 0.0002",
         "| epoch 001 | valid on 'valid' subset | valid_loss 6.43844 | valid_nll_loss 5.23288 | valid_ppl 37.61"],
        2, {"valid_loss": "6.43844", "epoch": "001"}),
    "mmengine": (
        ["04/21 21:03:53 - mmengine - INFO - Epoch(train) [1][10/90]  lr: 1.000e-02  eta: 0:00:25  loss: 11.4723",
         "04/21 21:03:58 - mmengine - INFO - Epoch(val) [1][25/25]    accuracy/top1: 75.5000  data_time: 0.1000"],
        1, {"val_accuracy_top1": "75.5000", "epoch": "1"}),
    "xgboost": (["[0]\ttrain-rmse:0.50000\tvalidation-rmse:0.48"], 0, {"validation_rmse": "0.48", "epoch": "0"}),
    "lightgbm": (["[10]\ttraining's auc: 0.9\tvalid_1's auc: 0.81"], 0, {"valid1_auc": "0.81", "epoch": "10"}),
    "keras": (
        ["Epoch 1/5",
         "938/938 - 3s - 3ms/step - accuracy: 0.91 - loss: 0.31 - val_accuracy: 0.9512 - val_loss: 0.17"],
        1, {"val_accuracy": "0.9512"}),
    "trainer": (
        ["{'loss': '0.4', 'grad_norm': '1.5', 'learning_rate': '5e-05', 'epoch': '1'}",
         "{'eval_loss': '0.5', 'eval_accuracy': '0.75', 'eval_runtime': '1.2', 'epoch': '1'}"],
        1, {"eval_accuracy": "0.75", "epoch": "1"}),
    "imagenet": (
        ["Epoch: [0][  1/10]\tTime  0.1 ( 0.1)\tLoss 6.9e+00 (6.9e+00)\tAcc@1   0.78 (  0.78)",
         "Test: [ 1/10]\tTime  0.1 ( 0.1)\tLoss 6.8e+00 (6.8e+00)\tAcc@1   1.56 (  1.56)",
         " * Acc@1 12.500 Acc@5 30.000"],
        2, {"acc1": "12.500"}),
    "template": (
        ["    epoch          : 1", "    loss           : 0.5",
         "    val_accuracy   : 0.93"], 2, {"val_accuracy": "0.93"}),
    "spinningup": (
        ["-----------", "|           Epoch |               1 |", "|    AverageEpRet |            12.5 |"],
        2, {"ep_ret": "12.5"}),
    "whisper": (["2026-01-02 10:11:12,345 INFO step=500 dev_wer=0.235 dev_loss=1.5"], 0, {"dev_wer": "0.235"}),
    "tensor": (["epoch 3 val_loss tensor(0.25, device='cuda:0')"], 0, {"val_loss": "0.25", "epoch": "3"}),
    "numpy": (["{'epoch': 3, 'val_loss': np.float64(0.25)}"], 0, {"val_loss": "0.25", "epoch": "3"}),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGS)
def test_the_best_line_is_found_with_what_to_write(name):
    lines, at, groups = LOGS[name]
    first = hints(lines, {}, JSON, "some_loss")[0]
    assert (first.line, first.text) == (at + 1, lines[at])
    text = next(line for line in first.write if line.startswith("metrics: "))
    pattern = text.removeprefix("metrics: {regex: '").removesuffix("'}").replace("''", "'")
    metric = first.write[0].removeprefix("metric: ")
    settings = JSON.model_copy(update={"metrics": Metrics(regex=pattern)})
    assert measured_lines(lines, settings, metric) == [at]
    assert re.search(pattern, lines[at]).groupdict() == groups


def test_json_under_another_name():
    (first, *_) = hints(["{", '{"val_acc": 1.0, "epoch": 1}'], {}, JSON, "val_loss")
    assert (first.line, first.write) == (2, ("metric: val_acc", "direction: maximize"))
    assert measured_lines(['{"val_acc": 1.0}', '{"x": 1}', "val_acc"], JSON, "val_acc") == [0]


def test_files_and_nothing():
    (first,) = hints(["hello", "12"], {"a/m.csv": ["step", "val_f1"]}, JSON, "val_loss")
    assert first.write == ("metric: val_f1", "direction: maximize", "metrics: {csv: '{trial_dir}/a/m.csv'}")
    assert hints([], {}, JSON, "val_loss") == []
    assert measured_lines(["x"], JSON.model_copy(update={"metrics": Metrics(csv="{trial_dir}/x")}), "x") == []
