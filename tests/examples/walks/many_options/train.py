"""Train an image model; the settings are options, or come from a YAML file by --config."""

import argparse
import csv
import logging
import math
import os
import random
from datetime import datetime

import yaml

_logger = logging.getLogger("train")


class ParseKwargs(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, dict(value.split("=") for value in values))


# The first parser finds --config; the second one has all the rest.
config_parser = parser = argparse.ArgumentParser(description="Training Config", add_help=False)
parser.add_argument("-c", "--config", default="", type=str, metavar="FILE", help="YAML file with default arguments")

parser = argparse.ArgumentParser(description="Training")
parser.add_argument("data", nargs="?", metavar="DIR", const=None, help="path to the data (positional is deprecated)")

# Dataset parameters
group = parser.add_argument_group("Dataset parameters")
group.add_argument("--data-dir", metavar="DIR", help="root of the data set")
group.add_argument("--dataset", default="", help="data set type and name")
group.add_argument("--train-split", default="train", metavar="NAME")
group.add_argument("--val-split", default="validation", metavar="NAME")
group.add_argument("--train-num-samples", default=None, type=int, metavar="N")
group.add_argument("--val-num-samples", default=None, type=int, metavar="N")
group.add_argument("--dataset-download", action="store_true", default=False)
group.add_argument("--class-map", default="", type=str, metavar="FILENAME")
group.add_argument("--input-img-mode", default=None, type=str)
group.add_argument("--input-key", default=None, type=str)
group.add_argument("--target-key", default=None, type=str)
group.add_argument("--dataset-trust-remote-code", action="store_true", default=False)

# Model parameters
group = parser.add_argument_group("Model parameters")
group.add_argument("--model", default="tiny", type=str, metavar="MODEL", help="name of the model to train")
group.add_argument("--pretrained", action="store_true", default=False, help="start from pretrained weights")
group.add_argument("--pretrained-path", default=None, type=str, help="load the pretrained weights from here")
group.add_argument(
    "--initial-checkpoint", default="", type=str, metavar="PATH", help="load this checkpoint into the model"
)
group.add_argument(
    "--resume", default="", type=str, metavar="PATH", help="resume model and optimizer state from a checkpoint"
)
group.add_argument("--no-resume-opt", action="store_true", default=False)
group.add_argument("--num-classes", type=int, default=None, metavar="N")
group.add_argument("--gp", default=None, type=str, metavar="POOL", help="global pool type")
group.add_argument("--img-size", type=int, default=None, metavar="N")
group.add_argument("--in-chans", type=int, default=None, metavar="N")
group.add_argument("--input-size", default=None, nargs=3, type=int, metavar="N", help="input dimensions d h w")
group.add_argument("--crop-pct", default=None, type=float, metavar="N")
group.add_argument("--mean", type=float, nargs="+", default=None, metavar="MEAN")
group.add_argument("--std", type=float, nargs="+", default=None, metavar="STD")
group.add_argument("--interpolation", default="", type=str, metavar="NAME")
group.add_argument("-b", "--batch-size", type=int, default=128, metavar="N", help="batch size for training")
group.add_argument("-vb", "--validation-batch-size", type=int, default=None, metavar="N")
group.add_argument("--channels-last", action="store_true", default=False)
group.add_argument("--fuser", default="", type=str)
group.add_argument("--grad-accum-steps", type=int, default=1, metavar="N")
group.add_argument("--grad-checkpointing", action="store_true", default=False)
group.add_argument("--fast-norm", default=False, action="store_true")
group.add_argument("--model-kwargs", nargs="*", default={}, action=ParseKwargs)
group.add_argument("--head-init-scale", default=None, type=float)
group.add_argument("--head-init-bias", default=None, type=float)
group.add_argument("--torchcompile-mode", type=str, default=None)

# Device
group = parser.add_argument_group("Device")
group.add_argument("--device", default="cpu", type=str)
group.add_argument("--amp", action="store_true", default=False)
group.add_argument("--amp-dtype", default="float16", type=str)
group.add_argument("--amp-impl", default="native", type=str)
group.add_argument("--model-dtype", default=None, type=str)
group.add_argument("--no-ddp-bb", action="store_true", default=False)
group.add_argument("--synchronize-step", action="store_true", default=False)
group.add_argument("--local_rank", default=0, type=int)
group.add_argument("--device-modules", default=None, type=str, nargs="+")

# Optimizer parameters
group = parser.add_argument_group("Optimizer parameters")
group.add_argument("--opt", default="sgd", type=str, metavar="OPTIMIZER")
group.add_argument("--opt-eps", default=None, type=float, metavar="EPSILON")
group.add_argument("--opt-betas", default=None, type=float, nargs="+", metavar="BETA")
group.add_argument("--momentum", type=float, default=0.9, metavar="M", help="optimizer momentum")
group.add_argument("--weight-decay", type=float, default=2e-5, help="weight decay")
group.add_argument("--clip-grad", type=float, default=None, metavar="NORM")
group.add_argument("--clip-mode", type=str, default="norm")
group.add_argument("--layer-decay", type=float, default=None)
group.add_argument("--layer-decay-min-scale", type=float, default=0)
group.add_argument("--layer-decay-no-opt-scale", type=float, default=None)
group.add_argument("--opt-kwargs", nargs="*", default={}, action=ParseKwargs)

# Learning rate schedule
group = parser.add_argument_group("Learning rate schedule")
group.add_argument("--sched", type=str, default="cosine", metavar="SCHEDULER")
group.add_argument("--sched-on-updates", action="store_true", default=False)
group.add_argument("--lr", type=float, default=None, metavar="LR", help="learning rate, overrides lr-base if set")
group.add_argument(
    "--lr-base",
    type=float,
    default=0.1,
    metavar="LR",
    help="base learning rate: lr = lr_base * global_batch_size / base_size",
)
group.add_argument("--lr-base-size", type=int, default=256, metavar="DIV")
group.add_argument("--lr-base-scale", type=str, default="", metavar="SCALE")
group.add_argument("--lr-noise", type=float, nargs="+", default=None, metavar="pct, pct")
group.add_argument("--lr-noise-pct", type=float, default=0.67, metavar="PERCENT")
group.add_argument("--lr-noise-std", type=float, default=1.0, metavar="STDDEV")
group.add_argument("--lr-cycle-mul", type=float, default=1.0, metavar="MULT")
group.add_argument("--lr-cycle-decay", type=float, default=0.5, metavar="MULT")
group.add_argument("--lr-cycle-limit", type=int, default=1, metavar="N")
group.add_argument("--lr-k-decay", type=float, default=1.0)
group.add_argument("--warmup-lr", type=float, default=1e-5, metavar="LR")
group.add_argument("--min-lr", type=float, default=0, metavar="LR")
group.add_argument("--epochs", type=int, default=300, metavar="N", help="number of epochs to train")
group.add_argument("--epoch-repeats", type=float, default=0.0, metavar="N")
group.add_argument("--start-epoch", default=None, type=int, metavar="N")
group.add_argument("--decay-milestones", default=[90, 180, 270], type=int, nargs="+", metavar="MILESTONES")
group.add_argument("--decay-epochs", type=float, default=90, metavar="N")
group.add_argument("--warmup-epochs", type=int, default=5, metavar="N")
group.add_argument("--warmup-prefix", action="store_true", default=False)
group.add_argument("--cooldown-epochs", type=int, default=0, metavar="N")
group.add_argument("--patience-epochs", type=int, default=10, metavar="N")
group.add_argument("--decay-rate", "--dr", type=float, default=0.1, metavar="RATE")

# Augmentation and regularization
group = parser.add_argument_group("Augmentation and regularization")
group.add_argument("--no-aug", action="store_true", default=False)
group.add_argument("--train-crop-mode", type=str, default=None)
group.add_argument("--scale", type=float, nargs="+", default=[0.08, 1.0], metavar="PCT")
group.add_argument("--ratio", type=float, nargs="+", default=[0.75, 1.33], metavar="RATIO")
group.add_argument("--hflip", type=float, default=0.5)
group.add_argument("--vflip", type=float, default=0.0)
group.add_argument("--color-jitter", type=float, default=0.4, metavar="PCT")
group.add_argument("--color-jitter-prob", type=float, default=None, metavar="PCT")
group.add_argument("--grayscale-prob", type=float, default=None, metavar="PCT")
group.add_argument("--gaussian-blur-prob", type=float, default=None, metavar="PCT")
group.add_argument("--aa", type=str, default=None, metavar="NAME")
group.add_argument("--aug-repeats", type=float, default=0)
group.add_argument("--aug-splits", type=int, default=0)
group.add_argument("--jsd-loss", action="store_true", default=False)
group.add_argument("--bce-loss", action="store_true", default=False)
group.add_argument("--bce-sum", action="store_true", default=False)
group.add_argument("--bce-target-thresh", type=float, default=None)
group.add_argument("--bce-pos-weight", type=float, default=None)
group.add_argument("--reprob", type=float, default=0.0, metavar="PCT")
group.add_argument("--remode", type=str, default="pixel")
group.add_argument("--recount", type=int, default=1)
group.add_argument("--resplit", action="store_true", default=False)
group.add_argument("--mixup", type=float, default=0.0)
group.add_argument("--cutmix", type=float, default=0.0)
group.add_argument("--cutmix-minmax", type=float, nargs="+", default=None)
group.add_argument("--mixup-prob", type=float, default=1.0)
group.add_argument("--mixup-switch-prob", type=float, default=0.5)
group.add_argument("--mixup-mode", type=str, default="batch")
group.add_argument("--mixup-off-epoch", default=0, type=int, metavar="N")
group.add_argument("--smoothing", type=float, default=0.1, help="label smoothing")
group.add_argument("--train-interpolation", type=str, default="random")
group.add_argument("--drop", type=float, default=0.0, metavar="PCT", help="dropout rate")
group.add_argument("--drop-connect", type=float, default=None, metavar="PCT")
group.add_argument("--drop-path", type=float, default=None, metavar="PCT")
group.add_argument("--drop-block", type=float, default=None, metavar="PCT")

# Batch norm
group = parser.add_argument_group("Batch norm")
group.add_argument("--bn-momentum", type=float, default=None)
group.add_argument("--bn-eps", type=float, default=None)
group.add_argument("--sync-bn", action="store_true")
group.add_argument("--dist-bn", type=str, default="reduce")
group.add_argument("--split-bn", action="store_true")

# Weight averaging
group = parser.add_argument_group("Weight averaging")
group.add_argument("--model-ema", action="store_true", default=False)
group.add_argument("--model-ema-force-cpu", action="store_true", default=False)
group.add_argument("--model-ema-decay", type=float, default=0.9998)
group.add_argument("--model-ema-warmup", action="store_true")

# Miscellaneous
group = parser.add_argument_group("Miscellaneous")
group.add_argument("--seed", type=int, default=42, metavar="S", help="random seed")
group.add_argument("--worker-seeding", type=str, default="all")
group.add_argument("--log-interval", type=int, default=50, metavar="N")
group.add_argument("--recovery-interval", type=int, default=0, metavar="N")
group.add_argument("--checkpoint-hist", type=int, default=10, metavar="N")
group.add_argument("-j", "--workers", type=int, default=4, metavar="N")
group.add_argument("--save-images", action="store_true", default=False)
group.add_argument("--pin-mem", action="store_true", default=False)
group.add_argument("--no-prefetcher", action="store_true", default=False)
group.add_argument("--output", default="", type=str, metavar="PATH", help="path of the output folder")
group.add_argument("--experiment", default="", type=str, metavar="NAME", help="name of the sub-folder for output")
group.add_argument("--eval-metric", default="top1", type=str, metavar="EVAL_METRIC")
group.add_argument("--tta", type=int, default=0, metavar="N")
group.add_argument("--use-multi-epochs-loader", action="store_true", default=False)
group.add_argument("--log-wandb", action="store_true", default=False)
group.add_argument("--wandb-project", default=None, type=str)
group.add_argument("--wandb-tags", default=[], type=str, nargs="+")
group.add_argument("--wandb-resume-id", default="", type=str, metavar="ID")
group.add_argument("--naflex-loader", action="store_true", default=False)
group.add_argument("--naflex-train-seq-lens", type=int, nargs="+", default=[128, 256, 576])
group.add_argument("--naflex-max-seq-len", type=int, default=576)
group.add_argument("--naflex-patch-sizes", type=int, nargs="+", default=None)
group.add_argument("--naflex-loss-scale", default="linear", type=str)
group.add_argument("--kd-model-name", default=None, type=str)
group.add_argument("--kd-temperature", type=float, default=4.0)
group.add_argument("--kd-loss-weight", type=float, default=1.0)
group.add_argument("--task-loss-weight", type=float, default=1.0)


def parse_args():
    args_config, remaining = config_parser.parse_known_args()
    if args_config.config:
        with open(args_config.config) as f:
            parser.set_defaults(**yaml.safe_load(f))
    args = parser.parse_args(remaining)
    return args, yaml.safe_dump(args.__dict__, default_flow_style=False)


def update_summary(epoch, train_metrics, eval_metrics, filename, lr, write_header):
    row = {"epoch": epoch, **{"train_" + k: v for k, v in train_metrics.items()}}
    row.update({"eval_" + k: v for k, v in eval_metrics.items()})
    row["lr"] = lr
    with open(filename, mode="a") as cf:
        dw = csv.DictWriter(cf, fieldnames=row.keys())
        if write_header:
            dw.writeheader()
        dw.writerow(row)


def main():
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args, args_text = parse_args()
    data_dir = args.data or args.data_dir
    if not data_dir or not os.path.isdir(data_dir):
        raise FileNotFoundError(f"no data in {data_dir!r}")
    random.seed(args.seed)
    if args.lr is None:
        args.lr = args.lr_base * args.batch_size * args.grad_accum_steps / args.lr_base_size
        _logger.info(f"Learning rate ({args.lr}) calculated from base learning rate ({args.lr_base}).")
    exp_name = args.experiment or "-".join([datetime.now().strftime("%Y%m%d-%H%M%S"), args.model])
    output_dir = os.path.join(args.output or "./output/train", exp_name)
    os.makedirs(output_dir, exist_ok=True)
    with open(os.path.join(output_dir, "args.yaml"), "w") as f:
        f.write(args_text)
    best_metric, best_epoch = None, None
    for epoch in range(args.start_epoch or 0, args.epochs):
        lr = args.lr * 0.5 * (1 + math.cos(math.pi * epoch / args.epochs))
        skill = (1 - 0.8 ** (epoch + 1)) * math.exp(-((math.log10(args.lr) + 1) ** 2)) * (1 - args.drop / 2)
        loss = 2.3 * (1 - skill) + args.weight_decay + 0.01 * random.random()
        for batch_idx in range(3):
            if batch_idx % args.log_interval == 0:
                _logger.info(
                    f"Train: {epoch} [{batch_idx:>4d}/3 ({100 * batch_idx / 2:>3.0f}%)]  Loss: {loss:#.3g}  LR: {lr:.3e}"
                )
        top1 = 100 * skill * (1 - 0.1 * args.momentum**4)
        _logger.info(f"Test: [   0/1]  Loss: {loss:>6.3f}  Acc@1: {top1:>7.3f}  Acc@5: {100.0:>7.3f}")
        train_metrics, eval_metrics = {"loss": loss}, {"loss": loss, "top1": top1, "top5": 100.0}
        filename = os.path.join(output_dir, "summary.csv")
        update_summary(epoch, train_metrics, eval_metrics, filename, lr, write_header=best_metric is None)
        if best_metric is None or eval_metrics[args.eval_metric] > best_metric:
            best_metric, best_epoch = eval_metrics[args.eval_metric], epoch
    if best_metric is not None:
        _logger.info(f"*** Best metric: {best_metric} (epoch {best_epoch})")


if __name__ == "__main__":
    main()
