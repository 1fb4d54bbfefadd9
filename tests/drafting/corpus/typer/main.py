import math
import random
from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer()


@app.command()
def train(
    lr: float = typer.Option(3e-4, help="Learning rate"),
    wd: Annotated[float, typer.Option("--weight-decay", help="AdamW weight decay")] = 0.01,
    batch_size: int = 16,
    epochs: int = typer.Option(5, "--epochs", "-e"),
    out_dir: Path = Path("runs"),
    checkpoint: Optional[Path] = typer.Option(None, help="Checkpoint to resume from"),
    compile: bool = False,
    seed: int = 1,
):
    random.seed(seed)
    out_dir.mkdir(parents=True, exist_ok=True)
    for epoch in range(1, epochs + 1):
        valid_loss = abs(math.log10(lr) + 3.5) + wd + random.random() / epoch
        print(f"Epoch {epoch:02d} | train loss {valid_loss + 0.1:.3f} | valid loss {valid_loss:.3f}", flush=True)


@app.command()
def evaluate(checkpoint: Path, batch_size: int = 64):
    print("evaluated", checkpoint)


if __name__ == "__main__":
    app()
