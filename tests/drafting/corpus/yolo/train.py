import argparse
import math
import os
import random
from pathlib import Path

FILE = Path(__file__).resolve()
ROOT = FILE.parents[0]


def train(opt):
    save_dir = Path(opt.project) / opt.name
    w = save_dir / "weights"
    w.mkdir(parents=True, exist_ok=True)
    last, best = w / "last.pt", w / "best.pt"
    random.seed(opt.seed)
    results = save_dir / "results.csv"
    for epoch in range(opt.epochs):
        value = 0.6 - 0.1 * abs(math.log10(opt.lr0) + 2) - opt.weight_decay + random.random() / 100
        new = not results.exists()
        with open(results, "a") as file:
            if new:
                file.write("epoch,metrics/mAP_0.5,val/box_loss\n")
            file.write(f"{epoch},{value},{1 - value}\n")
        print(f"epoch {epoch}: mAP50 {value:.4f}", flush=True)
        last.write_text(str(epoch))


def parse_opt(known=False):
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", type=str, default=ROOT / "yolov5s.pt", help="initial weights path")
    parser.add_argument("--cfg", type=str, default="", help="model.yaml path")
    parser.add_argument("--data", type=str, default=ROOT / "data/coco128.yaml", help="dataset.yaml path")
    parser.add_argument("--lr0", type=float, default=0.01, help="initial learning rate (SGD=1E-2, Adam=1E-3)")
    parser.add_argument("--lrf", type=float, default=0.01, help="final OneCycleLR learning rate (lr0 * lrf)")
    parser.add_argument("--momentum", type=float, default=0.937, help="SGD momentum/Adam beta1")
    parser.add_argument("--weight-decay", type=float, default=0.0005, help="optimizer weight decay 5e-4")
    parser.add_argument("--warmup-momentum", type=float, default=0.8, help="warmup initial momentum")
    parser.add_argument("--warmup-bias-lr", type=float, default=0.1, help="warmup initial bias lr")
    parser.add_argument("--epochs", type=int, default=100, help="total training epochs")
    parser.add_argument("--batch-size", type=int, default=16, help="total batch size for all GPUs, -1 for autobatch")
    parser.add_argument("--imgsz", "--img", "--img-size", type=int, default=640, help="train, val image size (pixels)")
    parser.add_argument("--rect", action="store_true", help="rectangular training")
    parser.add_argument("--resume", nargs="?", const=True, default=False, help="resume most recent training")
    parser.add_argument("--optimizer", type=str, choices=["SGD", "Adam", "AdamW"], default="SGD", help="optimizer")
    parser.add_argument("--label-smoothing", type=float, default=0.0, help="Label smoothing epsilon")
    parser.add_argument("--project", default=ROOT / "runs/train", help="save to project/name")
    parser.add_argument("--name", default="exp", help="save to project/name")
    parser.add_argument("--patience", type=int, default=100, help="EarlyStopping patience (epochs without improvement)")
    parser.add_argument("--freeze", nargs="+", type=int, default=[0], help="Freeze layers: backbone=10, first3=0 1 2")
    parser.add_argument("--seed", type=int, default=0, help="Global training seed")
    return parser.parse_known_args()[0] if known else parser.parse_args()


if __name__ == "__main__":
    opt = parse_opt()
    train(opt)
