"""The metric and the place of its measurements, from the source of scripts as people write them."""

import re

import pytest

from hpsearch.drafting.from_script.measurements import guess_measurements
from hpsearch.drafting.from_script.script import parse


def guessed(text: str):
    return guess_measurements(parse(text, "x.py"))


LOOP = "for epoch in range(1, epochs + 1):\n    "


def matched(text: str, *lines: str) -> list[dict[str, str] | None]:
    """Return the groups that the drafted expression finds in each line."""
    found = guessed(text)
    assert found.way == "regex", found
    return [match and match.groupdict() for match in (re.search(found.place, line) for line in lines)]


@pytest.mark.parametrize(
    ("printed", "line", "groups"),
    [
        ("print(f'epoch {epoch} val_acc {val_acc:.4f}')", "epoch 3 val_acc 0.9000", ("val_acc", "3", "0.9000")),
        ("print('epoch %3d: val err %.2e' % (epoch, e))", "epoch   3: val err 1.00e-05", ("val_err", "3", "1.00e-05")),
        (
            "print('Epoch {:03d} | valid ppl {:8.2f} |'.format(epoch, ppl))",
            "Epoch 003 | valid ppl    12.50 |",
            ("valid_ppl", "003", "12.50"),
        ),
        ("print('Epoch', epoch, 'dev F1:', f1)", "Epoch 3 dev F1: nan", ("dev_f1", "3", "nan")),
        ("print('Epoch', epoch, 'val loss', loss)", "Epoch 3 val loss tensor(0.25)", ("val_loss", "3", "0.25")),
        (
            "print(f'[{epoch}/{n}] ' + f'valid_loss={loss:.3f}.')",
            "[3/9] valid_loss=0.125.",
            ("valid_loss", "3", "0.125"),
        ),
        ("print(f'{epoch=} {val_auc=:.3f}')", "epoch=3 val_auc=0.700", ("val_auc", "3", "0.700")),
        ("print('epoch %(epoch)d, val mAP %(m).1f%%' % d)", "epoch 3, val mAP 41.5%", ("val_map", "3", "41.5")),
        ("logger.info('Epoch %d val_iou %.3f', epoch, iou)", "INFO:x:Epoch 3 val_iou 0.500", ("val_iou", "3", "0.500")),
        (
            "logger.info('Epoch {} val_iou {:.3f}', epoch, iou)",
            "12:00 | Epoch 3 val_iou 0.500",
            ("val_iou", "3", "0.500"),
        ),
        (
            "tqdm.write(f'epoch {epoch} validation accuracy: {acc:.2%}')",
            "epoch 3 validation accuracy: 93.20%",
            ("validation_accuracy", "3", "93.20"),
        ),
        (
            "sys.stdout.write(f'epoch {epoch} val_loss {loss}\\n')",
            "epoch 3 val_loss -1e-05",
            ("val_loss", "3", "-1e-05"),
        ),
        (
            "print({'epoch': epoch, 'val_loss': loss})",
            "{'epoch': 3, 'val_loss': np.float64(0.5)}",
            ("val_loss", "3", "0.5"),
        ),
        (
            "print('log', json.dumps({'epoch': epoch, 'val_loss': x}))",
            'log {"epoch": 3, "val_loss": 0.5}',
            ("val_loss", "3", "0.5"),
        ),
        (
            "print(colored(f'epoch {epoch} val_acc {a:.2f}', 'red'))",
            "\x1b[31mepoch 3 val_acc 0.50\x1b[0m",
            ("val_acc", "3", "0.50"),
        ),
        (
            "print(f'epoch {epoch} val_loss {loss:.3f}{mark}')",
            "epoch 3 val_loss 0.125 best",
            ("val_loss", "3", "0.125"),
        ),
    ],
)
def test_a_line_is_read_however_it_is_formatted(printed, line, groups):
    found = guessed(f"{LOOP}{printed}")
    metric, epoch, value = groups
    (match,) = matched(f"{LOOP}{printed}", line)
    assert (found.metric, match["epoch"], match[metric]) == (metric, epoch, value)


def test_text_that_is_built_first_and_printed_later():
    text = """
for epoch in range(epochs):
    message = f"Epoch {epoch + 1:>3}/{epochs}"
    message += " | train_loss: %.4f" % train
    if validate:
        message += f" | val_f1: {f1:.3f}"
    print(message)
    parts = ["a"]
    parts.append("test_f1 {:.2f}".format(t))
    print(", ".join(parts))
"""
    line = "Epoch   4/9 | train_loss: 0.5000 | val_f1: 0.250"
    assert matched(text, line, "a, test_f1 0.10") == [{"epoch": "4", "train_loss": "0.5000", "val_f1": "0.250"}, None]
    assert guessed(text).first_epoch == 1


@pytest.mark.parametrize(
    ("loop", "printed", "first"),
    [
        ("for epoch in range(epochs):", "epoch", 0),
        ("for epoch in range(epochs):", "epoch + 1", 1),
        ("for epoch in range(1, epochs + 1):", "epoch", 1),
        ("for epoch in tqdm(range(args.start_epoch, args.epochs)):", "epoch", 0),
        ("for e in range(args.epochs):", "1 + e", 1),
        ("for i, epoch in enumerate(range(3)):", "epoch", 0),
        ("for epoch, x in enumerate(epochs, 1):", "epoch", 1),
        ("epoch = 0\nwhile epoch < epochs:\n    epoch += 1", "epoch", 1),
        ("for epoch in numbers():", "epoch", 1),
    ],
)
def test_where_epochs_begin(loop, printed, first):
    found = guessed(f"{loop}\n    print(f'Epoch {{{printed}}} val_loss {{x:.3f}}')")
    assert (found.metric, found.first_epoch) == ("val_loss", first)
    assert any("first_epoch" in doubt for doubt in found.unsure) == ("numbers" in loop)


def test_an_epoch_that_a_function_is_given():
    text = """
def report(epoch, loss):
    print(f"Epoch {epoch}: val_loss {loss:.3f}")
def train(n):
    for i in range(n):
        report(i, 1.0)
"""
    assert guessed(text).first_epoch == 0
    assert guessed(text.replace("report(i,", "report(i + 1,")).first_epoch == 1


def test_one_line_for_each_split():
    text = """
def report(split, epoch, loss):
    print(f"{split} epoch {epoch} loss {loss:.3f}")
for epoch in range(5):
    report("train", epoch, a)
    report("valid", epoch, b)
"""
    assert matched(text, "train epoch 3 loss 0.5", "valid epoch 3 loss 0.4") == [
        None,
        {"epoch": "3", "valid_loss": "0.4"},
    ]
    phases = """
for epoch in range(5):
    for phase in ["train", "val"]:
        for x in loaders[phase]:
            step()
        print('{} Loss: {:.4f} Acc: {:.4f}'.format(phase, loss, acc))
"""
    found = matched(phases, "train Loss: 0.5000 Acc: 0.1000", "val Loss: 0.4000 Acc: 0.2000")
    assert found == [None, {"val_loss": "0.4000", "val_acc": "0.2000"}]


def test_a_line_once_an_epoch_comes_before_one_for_each_batch():
    text = """
for epoch in range(epochs):
    for i, batch in enumerate(loader):
        print(f"epoch {epoch} batch {i} val_acc {acc:.3f}")
    print(f"epoch {epoch} val_loss {loss:.3f}")
print(f"best val_acc {best:.3f}")
"""
    assert guessed(text).metric == "val_loss"
    only = text.replace('    print(f"epoch {epoch} val_loss {loss:.3f}")\n', "")
    assert any(
        "several times an epoch" in doubt or "not seem to be in the loop" in doubt for doubt in guessed(only).unsure
    )


def test_the_line_is_told_from_the_others():
    text = """
for epoch in range(epochs):
    print('Epoch [%d] Acc@1 %.2f' % (epoch, a))
    print(' * Acc@1 {:.3f} val Acc@5 {:.3f}'.format(b, c))
    print('val Acc@1 {:.3f}'.format(d))
"""
    lines = ("Epoch [3] Acc@1 10.00", " * Acc@1 20.000 val Acc@5 30.000", "val Acc@1 40.000")
    assert matched(text, *lines) == [None, None, {"val_acc1": "40.000"}]


def test_meters_print_their_own_names():
    text = """
def main():
    for epoch in range(3):
        validate(loader)
def validate(loader):
    losses = AverageMeter('Loss', ':.4e', Summary.NONE)
    top1 = AverageMeter('Acc@1', ':6.2f', Summary.AVERAGE)
    progress = ProgressMeter(len(loader), [losses, top1], prefix='Test: ')
    for i, x in enumerate(loader):
        progress.display(i)
    progress.display_summary()
"""
    lines = ("Test: [1/9]\tLoss 1.0e-01 (2.0e-01)\tAcc@1  50.00 ( 60.00)", " * Acc@1 71.250")
    assert matched(text, *lines)[1] == {"val_acc1": "71.250"}


def test_what_the_expressions_name_helps_where_the_text_does_not():
    text = f"{LOOP}print(f'Accuracy of the network on the {{len(data)}} test images: {{stats[\"acc1\"]:.1f}}%')"
    assert matched(text, "Accuracy of the network on the 50000 test images: 71.2%") == [{"test_acc1": "71.2"}]
    found = guessed(f"{LOOP}print(epoch, train_loss, val_loss)")
    match = re.search(found.place, "3 0.5 1e-05")
    assert match is not None
    assert match.groupdict() == {"epoch": "3", "train_loss": "0.5", "val_loss": "1e-05"}


def test_steps_and_coarse_numbers_are_doubted():
    text = "while True:\n    print(f'step {it}: train loss {a:.4f}, val loss {b:.4f}')\n    it += 1"
    found = guessed(text)
    assert found.metric == "val_loss"
    assert any("counts steps" in doubt for doubt in found.unsure)
    coarse = guessed(LOOP + "print('Test set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)'.format(a, b, c, d))")
    assert coarse.metric == "test_loss"


def test_lines_of_json():
    metrics = "metrics = dict(epoch=epoch, train_loss=a)\n    metrics['val_acc'] = b\n    "
    assert guessed(f"{LOOP}{metrics}print(json.dumps(metrics), flush=True)").way == "json"
    assert guessed(f"{LOOP}{metrics}print(json.dumps(metrics))").metric == "val_acc"
    assert guessed(f"{LOOP}{metrics}print(json.dumps(metrics, indent=2))").way == "regex"
    assert guessed(f"{LOOP}{metrics}logging.info(json.dumps(metrics))").way == "regex"
    assert guessed(f"{LOOP}f.write(json.dumps({{'val_loss': 1}}))").way == ""


OUT = "p.add_argument('--out-dir')\np.add_argument('--run-id', default='')\n"


@pytest.mark.parametrize(
    ("text", "way", "place", "metric", "first"),
    [
        (
            "import lightning as L\nself.log('val_loss', x)\nL.Trainer(logger=CSVLogger(args.out_dir))",
            "csv",
            "{trial_dir}/lightning_logs/version_0/metrics.csv",
            "val_loss",
            0,
        ),
        (
            "import lightning as L\nself.log('val/acc', x)\nCSVLogger(save_dir=args.out_dir, name='csv', version=7)",
            "csv",
            "{trial_dir}/csv/version_7/metrics.csv",
            "val/acc",
            0,
        ),
        (
            (
                "from keras.callbacks import CSVLogger\nm.compile(metrics=['accuracy'])\n"
                "m.fit(x, validation_data=v, callbacks=[CSVLogger(f'{args.out_dir}/h.csv')])"
            ),
            "csv",
            "{trial_dir}/h.csv",
            "val_accuracy",
            0,
        ),
        (
            (
                "with (Path(args.out_dir) / 'h.csv').open('w') as f:\n"
                "    w = csv.DictWriter(f, fieldnames=['epoch', 'val_mae'])\n"
                "    for epoch in range(3):\n        w.writerow({'epoch': epoch, 'val_mae': 1})"
            ),
            "csv",
            "{trial_dir}/h.csv",
            "val_mae",
            0,
        ),
        (
            (
                "f = open(os.path.join(args.out_dir, 'log.csv'), 'w')\nf.write('epoch,loss,val_wer\\n')\n"
                "for e in range(1, 4):\n    f.write(f'{e},{a},{b}\\n')"
            ),
            "csv",
            "{trial_dir}/log.csv",
            "val_wer",
            1,
        ),
        (
            (
                "for epoch in range(3):\n    rows.append({'epoch': epoch, 'val_r2': x})\n"
                "    pd.DataFrame(rows).to_csv(args.out_dir + '/rows.csv')"
            ),
            "csv",
            "{trial_dir}/rows.csv",
            "val_r2",
            0,
        ),
        (
            (
                "name = args.run_id or now()\nd = get_outdir(args.out_dir if args.out_dir else './o', name)\n"
                "metrics = {'top1': 1, 'loss': 2}\nupdate_summary(epoch, a, b, filename=os.path.join(d, 'summary.csv'))"
            ),
            "csv",
            "{trial_dir}/log/summary.csv",
            "eval_top1",
            0,
        ),
        (
            "w = SummaryWriter(args.out_dir)\nfor epoch in range(3):\n    w.add_scalar('Loss/val', x, epoch)",
            "tensorboard",
            "{trial_dir}",
            "Loss/val",
            0,
        ),
    ],
)
def test_logs_in_files(text, way, place, metric, first):
    found = guessed(OUT + text)
    assert (found.way, found.place, found.metric, found.first_epoch) == (way, place, metric, first)
    assert found.options == ({"run_id": "log"} if "get_outdir" in text else {})
    assert not any("all trials" in doubt for doubt in found.unsure)


def test_a_log_that_trials_would_share_is_doubted():
    found = guessed("w = csv.DictWriter(open('log.csv', 'w'), ['epoch', 'val_loss'])")
    assert found.place == "{trial_dir}/log.csv"
    assert any("all trials" in doubt for doubt in found.unsure)


@pytest.mark.parametrize(
    ("text", "line", "groups"),
    [
        (
            "from transformers import Trainer\ndef compute_metrics(p):\n    return {'f1': 1}\nTrainer(model).train()",
            "{'eval_loss': 0.5, 'eval_f1': 0.25, 'epoch': 1.0}",
            {"eval_f1": "0.25", "epoch": "1"},
        ),
        (
            "from transformers import Trainer\nTrainer(model).train()",
            "{'eval_loss': '0.5', 'eval_runtime': '1.5', 'epoch': '2'}",
            {"eval_loss": "0.5", "epoch": "2"},
        ),
        (
            "from transformers import Trainer\nTrainer(model).train()",
            "{'eval_loss': '0.5', 'eval_runtime': '1.5', 'epoch': '2.5'}",
            None,
        ),
        (
            "import keras\nm.compile(metrics=['accuracy'])\nm.fit(x, y, epochs=3, validation_split=0.1)",
            "9/9 - 1s - 2ms/step - accuracy: 0.5 - loss: 1.5 - val_accuracy: 0.25 - val_loss: 2.5",
            {"val_accuracy": "0.25"},
        ),
        (
            "import xgboost as xgb\nxgb.train({'eval_metric': 'auc'}, d, evals=[(d, 'train'), (v, 'valid')])",
            "[7]\ttrain-auc:0.90000\tvalid-auc:0.80000",
            {"epoch": "7", "valid_auc": "0.80000"},
        ),
        (
            "import lightgbm as lgb\nlgb.train({'metric': 'l2'}, d)",
            "[7]\ttraining's l2: 0.1\tvalid_1's l2: 0.2",
            {"epoch": "7", "valid_l2": "0.2"},
        ),
        (
            "from mmengine.runner import Runner\nRunner.from_cfg(c).train()",
            "mmengine - INFO - Epoch(val) [7][25/25]    accuracy/top1: 75.5  data_time: 0.1",
            {"epoch": "7", "val_score": "75.5"},
        ),
        (
            "from detectron2.engine import DefaultTrainer",
            "d2.evaluation.testing INFO: copypaste: 34.5,53.2",
            {"ap": "34.5"},
        ),
        ("from detectron2.engine import DefaultTrainer", "d2.evaluation.testing INFO: copypaste: AP,AP50", None),
        (
            "from ultralytics import YOLO",
            "                   all        128        929      0.64      0.53      0.60      0.44",
            {"map": "0.44"},
        ),
    ],
)
def test_what_frameworks_print(text, line, groups):
    assert matched(text, line) == [groups]
