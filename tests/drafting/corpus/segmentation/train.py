import argparse
import json
import math
import os
import random

SIZE = 2 ** 4


def str2bool(v):
    return v.lower() in ("yes", "true", "1")


def positive_int(text):
    return max(1, int(text))


def arg(parser, name, default, **kwargs):
    parser.add_argument("--" + name.replace("_", "-"), default=default, type=type(default), **kwargs)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--root", type=str, default=os.environ.get("DATA_ROOT", "data"), help="data set")
    p.add_argument("--betas", type=float, nargs=2, default=[0.9, 0.999])
    p.add_argument("--milestones", type=int, nargs="+", default=[30, 60, 90])
    p.add_argument("--lrs", "--lr", type=float, nargs="+", default=[1e-3 * 8], help="learning rate(s)")
    p.add_argument("--bn-momentum", type=float, default=0.1)
    p.add_argument("--pretrained", type=str2bool, nargs="?", const=True, default=False)
    p.add_argument("--nesterov", action=argparse.BooleanOptionalAction, default=True)
    p.add_argument("--activation", choices=("relu", "gelu", "silu"), default="relu")
    p.add_argument("--dataset", choices=["voc", "ade20k"], default="voc")
    p.add_argument("--batch", type=positive_int, default=SIZE)
    p.add_argument("--ckpt", type=str, default=None, help="load these weights before training")
    p.add_argument("--save-dir", default=f"runs/{os.getpid()}")
    arg(p, "weight_decay", 1e-4, help="weight decay")
    arg(p, "total_epochs", 30)
    arg(p, "rng_seed", 0)
    args = p.parse_args()
    random.seed(args.rng_seed)
    os.makedirs(args.save_dir, exist_ok=True)
    for epoch in range(1, args.total_epochs + 1):
        miou = 0.7 - abs(math.log10(args.lrs[0]) + 2) / 10 + random.random() / 100
        print(json.dumps({"epoch": epoch, "val_miou": miou, "val_loss": 1 - miou}), flush=True)


if __name__ == "__main__":
    main()
