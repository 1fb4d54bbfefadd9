"""Lightning's CSV logger in a Hydra config."""

from pathlib import Path

import pytest

from hpsearch.drafting.from_script import plan_space
from hpsearch.objectives.space_files import load_space_file

SCRIPT = """
import hydra
@hydra.main(version_base=None, config_path="configs", config_name="train")
def main(cfg):
    hydra.utils.instantiate(cfg.trainer).fit(hydra.utils.instantiate(cfg.model))
"""
LOGGER = "_target_: lightning.pytorch.loggers.CSVLogger\nsave_dir: ${paths.output_dir}\nname: csv/\n"


def template(defaults: str, logger: str) -> None:
    files = {
        "train.py": SCRIPT,
        "configs/train.yaml": f"defaults:\n  - model: small\n{defaults}seed: 1\ntrainer: {{max_epochs: 5}}\n",
        "configs/model/small.yaml": "lr: 0.01\n",
        "configs/logger/csv.yaml": logger,
        "configs/callbacks/default.yaml": "checkpoint:\n  monitor: null\nstopping:\n  monitor: 'val/acc'\n",
    }
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("defaults", "logger", "override", "place"),
    [
        ("  - logger: null\n", "csv:\n" + LOGGER.replace("_t", "  _t").replace("\ns", "\n  s").replace("\nn", "\n  n"),
         "logger=csv", "csv/version_0"),
        ("", LOGGER.replace("csv/", "''") + "version: ''\n", "+logger=csv", ""),
        ("", LOGGER.replace("name: csv/\n", "version: 3\n"), "+logger=csv", "lightning_logs/version_3"),
    ],
)  # fmt: skip
def test_the_command_chooses_the_logger(here, defaults, logger, override, place):
    template(defaults, logger)
    plan = plan_space(Path("train.py"), folder=Path())
    Path("made.yaml").write_text(plan.text)
    config = load_space_file(Path("made.yaml"))
    assert (config.metric, config.direction.value) == ("val/acc", "maximize")
    assert override in config.objective.command.split()
    assert config.objective.metrics.csv == str(Path("{trial_dir}", place, "metrics.csv"))
    assert config.objective.metrics.first_epoch == 0


def test_a_logger_that_writes_elsewhere_is_doubted(here):
    template("", LOGGER.replace("${paths.output_dir}", "logs"))
    plan = plan_space(Path("train.py"), folder=Path())
    assert any("not Hydra's output folder" in doubt for doubt in plan.unsure)


@pytest.mark.parametrize("logger", ["[", "- 1", "_target_: TensorBoardLogger", "csv: 1"])
def test_another_logger_is_no_csv(here, logger):
    template("", logger)
    assert "metrics:" not in plan_space(Path("train.py"), folder=Path()).text.replace(
        "or say where its log is: metrics:", ""
    )
