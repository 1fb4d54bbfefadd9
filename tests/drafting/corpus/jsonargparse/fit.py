import math
import random
from typing import Literal

from jsonargparse import CLI


def train(
    data_root: str = "data",
    lr: float = 1e-3,
    weight_decay: float = 0.0,
    batch_size: int = 32,
    hidden_dim: int = 128,
    optimizer: Literal["adam", "sgd"] = "adam",
    amp: bool = False,
    max_epochs: int = 10,
    seed: int = 0,
):
    random.seed(seed)
    for epoch in range(max_epochs):
        val_acc = 0.9 - abs(math.log10(lr) + 3) / 10 + random.random() / 100
        print(f"epoch {epoch} | val_acc {val_acc:.4f}")


if __name__ == "__main__":
    CLI(train)
