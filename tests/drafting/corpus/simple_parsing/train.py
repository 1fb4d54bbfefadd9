import math
import random

from config import TrainConfig
from simple_parsing import ArgumentParser

parser = ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_arguments(TrainConfig, dest="config")
args = parser.parse_args()
random.seed(args.seed)
for epoch in range(1, args.config.epochs + 1):
    loss = abs(math.log10(args.config.lr) + 3) + args.config.dropout / 10 + random.random() / epoch
    print(f"epoch={epoch}, val_loss={loss:.5f}", flush=True)
