import math
import random

from omegaconf import OmegaConf

base = OmegaConf.load("config.yaml")
cfg = OmegaConf.merge(base, OmegaConf.from_cli())
random.seed(cfg.seed)
for epoch in range(1, cfg.epochs + 1):
    val_loss = abs(math.log10(cfg.optim.lr) + 3.5) + cfg.model.dropout / 10 + random.random() / epoch
    print(f"epoch {epoch}/{cfg.epochs} val_loss: {val_loss:.4f}", flush=True)
