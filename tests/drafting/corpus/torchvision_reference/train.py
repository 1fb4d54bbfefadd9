import math
import os
import pickle
import random

import utils


def evaluate(args, epoch, log_suffix=""):
    header = f"Test: {log_suffix}"
    acc1 = 70 - 9 * abs(math.log10(args.lr) + 1) - args.label_smoothing + random.random() + epoch
    print(f"{header} Acc@1 {acc1:.3f} Acc@5 {acc1 + 9:.3f}")
    return acc1


def main(args):
    random.seed(0)
    if args.output_dir:
        utils.mkdir(args.output_dir)
    if args.resume:
        with open(args.resume, "rb") as file:
            args.start_epoch = pickle.load(file)["epoch"] + 1
    for epoch in range(args.start_epoch, args.epochs):
        evaluate(args, epoch)
        if args.output_dir:
            checkpoint = {"epoch": epoch, "args": vars(args)}
            utils.save_on_master(checkpoint, os.path.join(args.output_dir, f"model_{epoch}.pth"))
            utils.save_on_master(checkpoint, os.path.join(args.output_dir, "checkpoint.pth"))
    print("Training time 0:00:01")


def get_args_parser(add_help=True):
    import argparse

    parser = argparse.ArgumentParser(description="Classification Training", add_help=add_help)
    parser.add_argument("--data-path", default="/datasets01/images/", type=str, help="dataset path")
    parser.add_argument("--model", default="resnet18", type=str, help="model name")
    parser.add_argument("--device", default="cuda", type=str, help="device (Use cuda or cpu Default: cuda)")
    parser.add_argument("-b", "--batch-size", default=32, type=int, help="images per gpu")
    parser.add_argument("--epochs", default=90, type=int, metavar="N", help="number of total epochs to run")
    parser.add_argument("-j", "--workers", default=16, type=int, metavar="N", help="number of data loading workers")
    parser.add_argument("--opt", default="sgd", type=str, help="optimizer")
    parser.add_argument("--lr", default=0.1, type=float, help="initial learning rate")
    parser.add_argument("--momentum", default=0.9, type=float, metavar="M", help="momentum")
    parser.add_argument("--wd", "--weight-decay", default=1e-4, type=float, metavar="W", help="weight decay",
                        dest="weight_decay")
    parser.add_argument("--norm-weight-decay", default=None, type=float, help="weight decay for Normalization layers")
    parser.add_argument("--bias-weight-decay", default=None, type=float, help="weight decay for bias parameters")
    parser.add_argument("--label-smoothing", default=0.0, type=float, help="label smoothing", dest="label_smoothing")
    parser.add_argument("--mixup-alpha", default=0.0, type=float, help="mixup alpha (default: 0.0)")
    parser.add_argument("--lr-scheduler", default="steplr", type=str, help="the lr scheduler (default: steplr)")
    parser.add_argument("--lr-warmup-epochs", default=0, type=int, help="the number of epochs to warmup (default: 0)")
    parser.add_argument("--lr-warmup-method", default="constant", type=str, help="the warmup method")
    parser.add_argument("--lr-warmup-decay", default=0.01, type=float, help="the decay for lr")
    parser.add_argument("--lr-step-size", default=30, type=int, help="decrease lr every step-size epochs")
    parser.add_argument("--lr-gamma", default=0.1, type=float, help="decrease lr by a factor of lr-gamma")
    parser.add_argument("--lr-min", default=0.0, type=float, help="minimum lr of lr schedule (default: 0.0)")
    parser.add_argument("--print-freq", default=10, type=int, help="print frequency")
    parser.add_argument("--output-dir", default=".", type=str, help="path to save outputs")
    parser.add_argument("--resume", default="", type=str, help="path of checkpoint")
    parser.add_argument("--start-epoch", default=0, type=int, metavar="N", help="start epoch")
    parser.add_argument("--cache-dataset", dest="cache_dataset", action="store_true", help="Cache the datasets")
    parser.add_argument("--test-only", dest="test_only", help="Only test the model", action="store_true")
    parser.add_argument("--auto-augment", default=None, type=str, help="auto augment policy (default: None)")
    parser.add_argument("--random-erase", default=0.0, type=float, help="random erasing probability (default: 0.0)")
    parser.add_argument("--amp", action="store_true", help="Use mixed precision training")
    parser.add_argument("--model-ema", action="store_true", help="enable tracking Exponential Moving Average")
    parser.add_argument("--model-ema-decay", type=float, default=0.99998, help="decay factor for the moving average")
    parser.add_argument("--clip-grad-norm", default=None, type=float, help="the maximum gradient norm (default None)")
    parser.add_argument("--weights", default=None, type=str, help="the weights enum name to load")
    return parser


if __name__ == "__main__":
    args = get_args_parser().parse_args()
    main(args)
