"""A training script with Hydra. It knows nothing of hpsearch; its config is in hydra_conf."""

import json
import random
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="hydra_conf", config_name="train")
def main(config: DictConfig) -> None:
    """Fit a line by stochastic gradient descent."""
    weight, begin = 0.0, 1
    # The folder of an interrupted attempt, which may have saved nothing yet.
    if config.resume is not None and (Path(config.resume) / "last.json").exists():
        state = json.loads((Path(config.resume) / "last.json").read_text())
        weight, begin = state["weight"], state["epoch"] + 1
    last = Path(HydraConfig.get().runtime.output_dir) / "last.json"
    for epoch in range(begin, config.epochs + 1):
        noise = random.Random(f"{config.seed} {epoch}")
        for _ in range(20):
            x = noise.uniform(-1, 1)
            slope = 2 * (weight * x - 3 * x) * x + config.optimizer.weight_decay * weight
            weight -= config.optimizer.lr * slope
        temporary = last.with_name(".last.json")
        temporary.write_text(json.dumps({"weight": weight, "epoch": epoch}))
        temporary.rename(last)
        # Printed after the state is written: a trial that is paused is ended when its line has been read.
        print(json.dumps({"epoch": epoch, "val_loss": (weight - 3) ** 2}))


if __name__ == "__main__":
    main()
