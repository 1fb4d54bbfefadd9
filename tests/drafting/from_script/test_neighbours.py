"""A script whose lines are printed by a module beside it."""

from pathlib import Path

from hpsearch.drafting.from_script import plan_space

SCRIPT = """
import argparse, json
from engine import evaluate
import lib.tools
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.1)
args = p.parse_args()
for epoch in range(5):
    evaluate(epoch)
"""
ENGINE = """
def evaluate(epoch):
    print("Epoch {}: val acc {:.3f}".format(epoch, accuracy))
"""


def test_a_module_beside_the_script_is_read_too(here):
    Path("train.py").write_text(SCRIPT)
    Path("engine.py").write_text(ENGINE)
    Path("lib").mkdir()
    Path("lib/tools.py").write_text("def broken(:")
    plan = plan_space(Path("train.py"), folder=Path())
    assert "metric: val_acc" in plan.text
    assert "first_epoch: 0" in plan.text
    assert any("engine.py" in doubt for doubt in plan.unsure)
    Path("engine.py").write_text("x = 1")
    assert "metrics:" not in plan_space(Path("train.py"), folder=Path()).text.replace("log is: metrics:", "")
