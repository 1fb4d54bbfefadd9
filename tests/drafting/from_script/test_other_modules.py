"""Metrics that a script measures in other modules of its own."""

import textwrap
from pathlib import Path

import pytest

from hpsearch.drafting.from_script import plan_space

HYDRA = {
    "train.py": """
        import hydra

        @hydra.main(version_base=None, config_path="conf", config_name="main")
        def main(cfg):
            hydra.utils.instantiate(cfg.trainer).fit(hydra.utils.instantiate(cfg.model))
        """,
    "conf/main.yaml": """
        defaults:
          - model: net
          - paths: default
        trainer:
          _target_: lib.loop.Loop
          epochs: 10
        """,
    "conf/model/net.yaml": "_target_: lib.net.Net\nlr: 0.1\n",
    "conf/paths/default.yaml": "output_dir: ${hydra:runtime.output_dir}\nlogs: ${paths.output_dir}/logs\n",
    "lib/net.py": """
        import lightning

        class Net(lightning.LightningModule):
            def validation_step(self, batch, _):
                self.log("val/acc", 1.0)
        """,
    "lib/loop.py": """
        class Loop:
            def fit(self, model):
                for epoch in range(self.epochs):
                    print(f"epoch {epoch}: validation accuracy {self.score:.3f}")
        """,
}
LOGGER = """
        import hydra
        import lightning
        from lightning.pytorch.loggers import CSVLogger

        @hydra.main(version_base=None, config_path="conf", config_name="main")
        def main(cfg):
            logger = CSVLogger(save_dir=cfg.paths.logs, name="csv/")
        """
PLAIN = {
    "main.py": """
        import argparse
        from engine import evaluate, train

        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=0.1)
        parser.add_argument("--epochs", type=int, default=5)
        args = parser.parse_args()
        for epoch in range(args.epochs):
            train(epoch)
            evaluate(epoch)
        """,
    "engine.py": """
        def train(epoch):
            for step in range(100):
                print(f"epoch {epoch} step {step} loss {loss:.3f}")

        def evaluate(number):
            print("epoch %d: val top1 %.2f" % (number, score))
        """,
}


@pytest.fixture
def drafted(tmp_path, monkeypatch):
    """Write files, and return the draft for one of them."""
    monkeypatch.chdir(tmp_path)

    def draft(files, script):
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(textwrap.dedent(text))
        return plan_space(Path(script), folder=tmp_path)

    return draft


def test_a_class_that_a_hydra_config_names_prints_the_metric(drafted):
    file = drafted(HYDRA, "train.py")
    assert "metric: validation_accuracy " in file.text
    assert "epoch>\\d+).*?validation accuracy" in file.text
    assert "first_epoch: 0" in file.text
    assert any("line 5 of lib/loop.py" in text for text in file.unsure)


def test_a_class_that_a_hydra_config_names_logs_the_metric(drafted):
    file = drafted(HYDRA | {"train.py": LOGGER, "lib/loop.py": ""}, "train.py")
    assert "metric: val/acc " in file.text
    assert "csv: '{trial_dir}/logs/csv/version_0/metrics.csv'" in file.text
    assert not any("where all trials would" in text for text in file.unsure)


def test_an_imported_module_evaluates(drafted):
    file = drafted(PLAIN, "main.py")
    assert "metric: val_top1 " in file.text
    assert "first_epoch: 0" in file.text  # the loop is in the script
    assert not any("how often" in text for text in file.unsure)


def test_the_script_itself_comes_first(drafted):
    script = PLAIN["main.py"] + '    print("epoch %d: test acc %.3f" % (epoch, score))\n'
    assert "metric: test_acc " in drafted(PLAIN | {"main.py": script}, "main.py").text
