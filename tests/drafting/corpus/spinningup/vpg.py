import argparse
import math
import os
import random


class EpochLogger:
    def __init__(self, output_dir):
        os.makedirs(output_dir, exist_ok=True)
        self.file = open(os.path.join(output_dir, "progress.txt"), "w")
        self.first = True

    def dump_tabular(self, row):
        print("-" * 40)
        for key, value in row.items():
            print("| %15s | %15s |" % (key, "%8.3g" % value))
        print("-" * 40, flush=True)
        if self.first:
            self.file.write("\t".join(row) + "\n")
        self.first = False
        self.file.write("\t".join(map(str, row.values())) + "\n")
        self.file.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", type=str, default="HalfCheetah-v2")
    parser.add_argument("--hid", type=int, default=64)
    parser.add_argument("--l", type=int, default=2)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--pi_lr", type=float, default=3e-4)
    parser.add_argument("--vf_lr", type=float, default=1e-3)
    parser.add_argument("--seed", "-s", type=int, default=0)
    parser.add_argument("--cpu", type=int, default=4)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--exp_name", type=str, default="vpg")
    parser.add_argument("--data_dir", default="/tmp/data", help="where the logs are saved")
    args = parser.parse_args()
    random.seed(args.seed)
    logger = EpochLogger(os.path.join("runs", args.exp_name, str(args.seed)))
    for epoch in range(args.epochs):
        value = 100 - 40 * abs(math.log10(args.pi_lr) + 3.5) + random.random()
        print("Epoch: %d  AverageEpRet: %.3f" % (epoch, value))
        logger.dump_tabular({"Epoch": epoch, "AverageEpRet": value, "Time": 1.0})
