"""What names and defaults suggest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.drafting.from_script.heuristics import nice, suggest
from hpsearch.drafting.from_script.measurements import guess_measurements
from hpsearch.drafting.from_script.script import parse
from hpsearch.drafting.from_script.setting import Setting
from hpsearch.drafting.roles import role
from hpsearch.space.parsing import parse_space


@pytest.mark.parametrize(
    ("name", "default", "kind", "arguments"),
    [
        ("lr", 1e-3, "loguniform", (5e-5, 2e-2)),
        ("optim.encoderLr", 0.0, "loguniform", (1e-5, 1e-1)),
        ("learning-rate", None, "loguniform", (1e-5, 1e-1)),
        ("weight_decay", 1e-4, "loguniform", (1e-5, 1e-3)),
        ("wd", 0.0, "loguniform", (1e-6, 1e-2)),
        ("dropout", 0.1, "uniform", (0.0, 0.5)),
        ("drop_rate", 0.6, "uniform", (0.0, 0.9)),
        ("label_smoothing", 0.1, "uniform", (0.0, 0.2)),
        ("momentum", 0.9, "uniform", (0.8, 0.99)),
        ("momentum", 0.0, "uniform", (0.0, 0.99)),
        ("batch-size", 32, "choice", (16, 32, 64, 128)),
        ("batch_size", 1, "choice", (1, 2, 4)),
    ],
)
def test_what_is_searched(name, default, kind, arguments):
    found = suggest(Setting(name=name, default=default))
    assert (found.kind, found.arguments, found.sure) == (kind, arguments, True)


@pytest.mark.parametrize(
    ("name", "default"),
    [("lr_decay", 0.1), ("min_lr", 1e-6), ("eval_batch_size", 8), ("lr", "cosine"), ("lr", -1.0), ("ema_decay", 0.99)],
)
def test_what_is_a_constant(name, default):
    assert suggest(Setting(name=name, default=default)) is None


def test_a_width_is_only_suggested():
    found = suggest(Setting(name="hidden_dim", default=64))
    assert (found.arguments, found.sure) == ((32, 64, 128, 256), False)


@pytest.mark.parametrize(
    ("name", "default", "expected"),
    [
        ("num-epochs", 3, "{epochs}"),
        ("seed", 0, "{seed}"),
        ("output_dir", "runs", "{trial_dir}"),
        ("save-path", "out/model.pt", "{trial_dir}/model.pt"),
        ("resume", None, "resume"),
        ("warmup_epochs", 3, ""),
        ("data_dir", "data", ""),
    ],
)
def test_roles(name, default, expected):
    assert role(name, default) == expected


@given(value=st.floats(1e-12, 1e6))
def test_bounds_are_near_and_fit_a_space(value):
    assert 0.6 < nice(value) / value < 1.6
    found = suggest(Setting(name="lr", default=value))
    axis = parse_space({"lr": {found.kind: list(found.arguments)}}).parameters["lr"]
    assert axis.low < value < axis.high


@pytest.mark.parametrize(
    ("text", "metric", "way", "place"),
    [
        ("print(json.dumps({'train_loss': 1, 'val_acc': 2}))", "val_acc", "json", ""),
        ("w = SummaryWriter()\nw.add_scalar('val/loss', 1, 2)", "val/loss", "tensorboard", "{trial_dir}"),
        ("csv.DictWriter(f, ['accuracy'])", "accuracy", "csv", "{trial_dir}/metrics.csv"),
        ("x = 'nothing'", "val_loss", "", ""),
    ],
)
def test_where_measurements_are(text, metric, way, place):
    found = guess_measurements(parse(text, "x.py"))
    assert (found.metric, found.way, found.place) == (metric, way, place)


def test_a_printed_line_becomes_a_regular_expression():
    import re

    text = "for epoch in range(n):\n    print(f'Epoch {epoch:3d} ({dt:.1f} s): val_loss {val_loss:.4f}, x')"
    found = guess_measurements(parse(text, "x.py"))
    match = re.search(found.place, "Epoch   7 (1.5 s): val_loss 0.2500, x")
    assert (found.way, found.first_epoch, found.direction) == ("regex", 0, "minimize")
    assert match.groupdict() == {"epoch": "7", "val_loss": "0.2500"}
