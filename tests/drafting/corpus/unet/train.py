import argparse
import logging
import os
import random
import sys
from pathlib import Path

dir_img = Path("./data/imgs/")
dir_mask = Path("./data/masks/")
dir_checkpoint = Path("./checkpoints/")


def train_model(
    model,
    device,
    epochs: int = 5,
    batch_size: int = 1,
    learning_rate: float = 1e-05,
    val_percent: float = 0.1,
    save_checkpoint: bool = True,
    img_scale: float = 0.5,
    amp: bool = False,
    weight_decay: float = 1e-08,
    momentum: float = 0.999,
    gradient_clipping: float = 1.0,
):
    logging.info(
        f"Starting training:\n        Epochs:          {epochs}\n        Batch size:      {batch_size}\n        Learning rate:   {learning_rate}\n        Checkpoints:     {save_checkpoint}\n        Mixed Precision: {amp}\n    "
    )
    global_step = 0
    for epoch in range(1, epochs + 1):
        epoch_loss = 0
        for batch in range(10):
            global_step += 1
            division_step = 5
            if division_step > 0:
                if global_step % division_step == 0:
                    val_score = 0.5 + 0.01 * epoch
                    logging.info("Validation Dice score: {}".format(val_score))
        if save_checkpoint:
            Path(dir_checkpoint).mkdir(parents=True, exist_ok=True)
            open(str(dir_checkpoint / "checkpoint_epoch{}.pth".format(epoch)), "w").close()
            logging.info(f"Checkpoint {epoch} saved!")


def get_args():
    parser = argparse.ArgumentParser(description="Train the UNet on images and target masks")
    parser.add_argument("--epochs", "-e", type=int, default=5)
    parser.add_argument("--batch-size", "-b", dest="batch_size", type=int, default=1)
    parser.add_argument("--learning-rate", "-l", type=float, default=1e-05, dest="lr")
    parser.add_argument("--load", "-f", type=str, default=False)
    parser.add_argument("--scale", "-s", type=float, default=0.5)
    parser.add_argument("--validation", "-v", dest="val", type=float, default=10.0)
    parser.add_argument("--amp", action="store_true", default=False)
    parser.add_argument("--bilinear", action="store_true", default=False)
    parser.add_argument("--classes", "-c", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    args = get_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    logging.info(f"Using device cpu")
    train_model(
        model=None,
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.lr,
        device="cpu",
        img_scale=args.scale,
        val_percent=args.val / 100,
        amp=args.amp,
    )
