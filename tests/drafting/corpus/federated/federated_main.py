import math
import random

from options import args_parser

if __name__ == "__main__":
    args = args_parser()
    random.seed(args.seed)
    train_loss = []
    for epoch in range(args.epochs):
        print(f"\n | Global Training Round : {epoch + 1} |\n")
        test_acc = 0.9 - abs(math.log10(args.lr) + 2) / 10 - args.momentum / 100 + random.random() / 100
        train_loss.append(1 - test_acc)
        print("|---- Test Accuracy: {:.2f}%".format(100 * test_acc))
