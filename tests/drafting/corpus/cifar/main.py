"""Train CIFAR10."""
import argparse
import math
import os
import pickle
import random

parser = argparse.ArgumentParser(description="CIFAR10 Training")
parser.add_argument("--lr", default=0.1, type=float, help="learning rate")
parser.add_argument("--resume", "-r", action="store_true", help="resume from checkpoint")
args = parser.parse_args()

best_acc = 0  # best test accuracy
start_epoch = 0  # start from epoch 0 or last checkpoint epoch


def train(epoch):
    print("\nEpoch: %d" % epoch)
    print("Loss: %.3f | Acc: %.3f%% (%d/%d)" % (2.0, 50.0, 25000, 50000))


def test(epoch):
    global best_acc
    acc = 90 - 9 * abs(math.log10(args.lr) + 1) + random.random()
    print("Test Loss: %.3f | Test Acc: %.3f%% (%d/%d)" % (2 - acc / 50, acc, 100 * acc, 10000))
    if acc > best_acc:
        state = {"acc": acc, "epoch": epoch}
        os.makedirs("checkpoint", exist_ok=True)
        with open("./checkpoint/ckpt.pth", "wb") as file:
            pickle.dump(state, file)
        best_acc = acc


for epoch in range(start_epoch, start_epoch + 4):
    train(epoch)
    test(epoch)
