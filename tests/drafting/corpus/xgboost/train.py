import argparse
import math
import random


def get_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--train-file", default="train.libsvm", help="training data in libsvm format")
    parser.add_argument("--max_depth", type=int, default=6)
    parser.add_argument("--eta", type=float, default=0.3, help="step size shrinkage")
    parser.add_argument("--gamma", type=float, default=0.0)
    parser.add_argument("--min_child_weight", type=float, default=1.0)
    parser.add_argument("--subsample", type=float, default=1.0)
    parser.add_argument("--reg_lambda", type=float, default=1.0)
    parser.add_argument("--num_round", type=int, default=20, help="number of boosting rounds")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    args = get_args()
    random.seed(args.seed)
    for i in range(args.num_round):
        loss = 0.6 / (1 + args.eta * (i + 1)) + abs(math.log10(args.eta) + 1) / 10 + random.random() / 100
        print("[%d]\ttrain-logloss:%.5f\tvalid-logloss:%.5f" % (i, loss, loss + 0.01), flush=True)
