"""Train what configs/train.yaml says."""

import logging
import sys
from pathlib import Path

import hydra
import lightning
from lightning.pytorch.loggers import CSVLogger
from omegaconf import DictConfig

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="../configs", config_name="train.yaml")
def main(cfg: DictConfig) -> None:
    if cfg.get("seed"):
        lightning.seed_everything(cfg.seed, workers=True)
    log.info("instantiating datamodule <%s>", cfg.data._target_)
    datamodule = hydra.utils.instantiate(cfg.data)
    model = hydra.utils.instantiate(cfg.model)
    logger = CSVLogger(save_dir=cfg.paths.output_dir, name="csv/")
    trainer = hydra.utils.instantiate(cfg.trainer, logger=logger)
    if cfg.train:
        trainer.fit(model=model, datamodule=datamodule, ckpt_path=cfg.ckpt_path)
    log.info("best ckpt path: %s", trainer.checkpoint_callback.best_model_path)


if __name__ == "__main__":
    main()
