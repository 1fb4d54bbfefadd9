import math
import random

import hydra


@hydra.main(version_base="1.3", config_path="configs", config_name="train.yaml")
def main(cfg):
    random.seed(cfg.seed)
    for epoch in range(cfg.trainer.max_epochs):
        loss = abs(math.log10(cfg.model.optimizer.lr) + 3) + cfg.model.net.dropout / 10 + random.random() / 100
        print(f"Epoch {epoch}: val/loss={loss:.4f} val/acc={1 / (1 + loss):.4f}")


if __name__ == "__main__":
    main()
