import argparse
import math
import os
import random

ARCHITECTURES = ["alexnet", "densenet121", "resnet18", "resnet34", "resnet50", "resnet101", "vgg11", "vgg16", "vgg19"]

parser = argparse.ArgumentParser(description="images")
parser.add_argument("data", metavar="DIR", nargs="?", default="imagenet", help="path to dataset (default: imagenet)")
parser.add_argument("-a", "--arch", metavar="ARCH", default="resnet18", choices=ARCHITECTURES,
                    help="model architecture: " + " | ".join(ARCHITECTURES) + " (default: resnet18)")
parser.add_argument("-j", "--workers", default=4, type=int, metavar="N", help="number of data loading workers")
parser.add_argument("--epochs", default=90, type=int, metavar="N", help="number of total epochs to run")
parser.add_argument("--start-epoch", default=0, type=int, metavar="N", help="manual epoch number (useful on restarts)")
parser.add_argument("-b", "--batch-size", default=256, type=int, metavar="N", help="mini-batch size (default: 256)")
parser.add_argument("--lr", "--learning-rate", default=0.1, type=float, metavar="LR", help="initial learning rate", dest="lr")
parser.add_argument("--momentum", default=0.9, type=float, metavar="M", help="momentum")
parser.add_argument("--wd", "--weight-decay", default=1e-4, type=float, metavar="W", help="weight decay", dest="weight_decay")
parser.add_argument("-p", "--print-freq", default=10, type=int, metavar="N", help="print frequency (default: 10)")
parser.add_argument("--resume", default="", type=str, metavar="PATH", help="path to latest checkpoint (default: none)")
parser.add_argument("-e", "--evaluate", dest="evaluate", action="store_true", help="evaluate model on validation set")
parser.add_argument("--pretrained", dest="pretrained", action="store_true", help="use pre-trained model")
parser.add_argument("--world-size", default=-1, type=int, help="number of nodes for distributed training")
parser.add_argument("--dist-url", default="tcp://224.66.41.62:23456", type=str, help="url used to set up distributed training")
parser.add_argument("--seed", default=None, type=int, help="seed for initializing training. ")
parser.add_argument("--gpu", default=None, type=int, help="GPU id to use.")


class Meter:
    def __init__(self, avg):
        self.avg = avg


def main():
    args = parser.parse_args()
    if args.seed is not None:
        random.seed(args.seed)
    start = args.start_epoch
    if args.resume:
        if not os.path.isfile(args.resume):
            print("=> no checkpoint found at '{}'".format(args.resume))
    for epoch in range(start, args.epochs):
        quality = 80 - 10 * abs(math.log10(args.lr) + 1) - 1000 * args.weight_decay - random.random()
        top1, top5 = Meter(quality * epoch / (epoch + 1)), Meter(quality + 10)
        print(" * Acc@1 {top1.avg:.3f} Acc@5 {top5.avg:.3f}".format(top1=top1, top5=top5))


if __name__ == "__main__":
    main()
