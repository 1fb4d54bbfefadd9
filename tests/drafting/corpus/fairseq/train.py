import argparse
import math
import os
import random


def float_list(text):
    return [float(part) for part in text.split(",")]


def get_parser(desc):
    parser = argparse.ArgumentParser(description="Facts - " + desc)
    parser.add_argument("--no-progress-bar", action="store_true", help="disable progress bar")
    parser.add_argument("--log-interval", type=int, default=1000, metavar="N", help="log progress every N batches")
    parser.add_argument("--seed", default=1, type=int, metavar="N", help="pseudo random number generator seed")
    return parser


def add_dataset_args(parser, train=False):
    group = parser.add_argument_group("Dataset and data loading")
    group.add_argument("data", metavar="DIR", help="path to data directory")
    group.add_argument("-s", "--source-lang", default=None, metavar="SRC", help="source language")
    group.add_argument("--max-tokens", type=int, metavar="N", help="maximum number of tokens in a batch")
    group.add_argument("--max-sentences", "--batch-size", type=int, metavar="N", help="maximum sentences in a batch")
    return group


def add_optimization_args(parser):
    group = parser.add_argument_group("Optimization")
    group.add_argument("--max-epoch", "--me", default=34, type=int, metavar="N", help="force stop training at epoch")
    group.add_argument("--max-update", "--mu", default=0, type=int, metavar="N", help="force stop at specified update")
    group.add_argument("--clip-norm", default=25, type=float, metavar="NORM", help="clip threshold of gradients")
    group.add_argument("--optimizer", default="nag", metavar="OPT", choices=["adagrad", "adam", "nag", "sgd"], help="optimizer")
    group.add_argument("--lr", "--learning-rate", default="0.25", metavar="LR_1,LR_2,...,LR_N", type=float_list,
                       help="learning rate for the first N epochs")
    group.add_argument("--momentum", default=0.99, type=float, metavar="M", help="momentum factor")
    group.add_argument("--weight-decay", "--wd", default=0.0, type=float, metavar="WD", help="weight decay")
    group.add_argument("--lr-scheduler", default="reduce_lr_on_plateau", choices=["fixed", "inverse_sqrt",
                       "reduce_lr_on_plateau"], help="Learning Rate Scheduler")
    group.add_argument("--lr-shrink", default=0.1, type=float, metavar="LS", help="learning rate shrink factor")
    group.add_argument("--min-lr", default=1e-5, type=float, metavar="LR", help="minimum learning rate")
    group.add_argument("--label-smoothing", default=0.0, type=float, metavar="D", help="epsilon for label smoothing")
    return group


def add_checkpoint_args(parser):
    group = parser.add_argument_group("Checkpointing")
    group.add_argument("--save-dir", metavar="DIR", default="checkpoints", help="path to save checkpoints")
    group.add_argument("--restore-file", default="checkpoint_last.pt", help="filename in save-dir from which to load checkpoint")
    group.add_argument("--no-save", action="store_true", help="don't save models and checkpoints")
    return group


def add_model_args(parser):
    group = parser.add_argument_group("Model configuration")
    group.add_argument("--arch", "-a", default="fconv", metavar="ARCH", choices=["fconv", "lstm", "transformer"])
    group.add_argument("--dropout", default=0.1, type=float, metavar="D", help="dropout probability")
    group.add_argument("--attention-dropout", type=float, metavar="D", default=0.0, help="dropout for attention weights")
    group.add_argument("--relu-dropout", type=float, metavar="D", default=0.0, help="dropout after ReLU in FFN")
    group.add_argument("--adam-betas", default="(0.9, 0.999)", metavar="B", help="betas for Adam optimizer")
    return group


def main():
    parser = get_parser("Trainer")
    add_dataset_args(parser, train=True)
    add_optimization_args(parser)
    add_checkpoint_args(parser)
    add_model_args(parser)
    args = parser.parse_args()
    assert os.path.isdir(args.data), f"Dataset not found: {args.data}"
    os.makedirs(args.save_dir, exist_ok=True)
    random.seed(args.seed)
    for epoch in range(1, args.max_epoch + 1):
        valid_loss = 4 + abs(math.log10(args.lr[0])) + args.dropout / 10 + random.random() / epoch
        print(f"| epoch {epoch:03d} | valid on 'valid' subset | valid_loss {valid_loss:.3f} | valid_ppl {2 ** valid_loss:.2f}")


if __name__ == "__main__":
    main()
