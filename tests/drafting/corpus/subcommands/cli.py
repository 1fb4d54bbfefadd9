import argparse
import math
import os
import random


def positive(text):
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be positive")
    return value


common = argparse.ArgumentParser(add_help=False)
common.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
common.add_argument("--seed", type=int, default=3)

parser = argparse.ArgumentParser()
parser.add_argument("--log-level", default="info")
commands = parser.add_subparsers(dest="command", required=True)

train = commands.add_parser("train", parents=[common], help="train a model")
for name, default, kind in [("learning-rate", 2e-3, positive), ("weight-decay", 1e-4, float), ("dropout", 0.2, float)]:
    train.add_argument(f"--{name}", type=kind, default=default)
train.add_argument("--epochs", type=int, default=8)
train.add_argument("--output", type=str, required=True, help="where the model is written")
train.add_argument("--resume-from", default=None, help="checkpoint to go on from")

predict = commands.add_parser("predict", parents=[common])
predict.add_argument("--checkpoint", required=True)
predict.add_argument("--batch-size", type=int, default=32)

args = parser.parse_args()
assert args.command == "train"
os.makedirs(args.output, exist_ok=True)
random.seed(args.seed)
for epoch in range(1, args.epochs + 1):
    f1 = 0.8 - abs(math.log10(args.learning_rate) + 2.5) / 10 - args.dropout / 100 + random.random() / 100
    print(f"[epoch {epoch}] val_f1={f1:.4f}", flush=True)
    with open(os.path.join(args.output, "last.ckpt"), "w") as file:
        file.write(str(epoch))
