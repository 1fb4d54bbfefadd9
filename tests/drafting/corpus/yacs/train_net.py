import argparse
import math
import os
import random

from defaults import get_cfg


def main():
    parser = argparse.ArgumentParser(description="baseline training")
    parser.add_argument("--config_file", default="", help="path to config file", type=str)
    parser.add_argument("opts", help="Modify config options using the command-line", default=None, nargs=argparse.REMAINDER)
    args = parser.parse_args()
    cfg = get_cfg()
    cfg.merge_from_list(args.opts)
    os.makedirs(cfg.OUTPUT_DIR, exist_ok=True)
    random.seed(cfg.SOLVER.SEED)
    for epoch in range(1, cfg.SOLVER.MAX_EPOCHS + 1):
        mAP = 0.9 - 0.1 * abs(math.log10(cfg.SOLVER.BASE_LR) + 2) - random.random() / 100
        print("Validation Results - Epoch: {}".format(epoch))
        print("mAP: {:.1%}".format(mAP))


if __name__ == "__main__":
    main()
