"""A config of nodes that arguments such as --trainer.lr=0.1 change."""

import os
import sys
from ast import literal_eval


class CfgNode:
    def __init__(self, **values):
        self.__dict__.update(values)

    def merge_from_args(self, args):
        for arg in args:
            name, value = arg[2:].split("=")
            *parents, last = name.split(".")
            node = self
            for parent in parents:
                node = getattr(node, parent)
            assert hasattr(node, last), name
            try:
                value = literal_eval(value)
            except ValueError:
                pass
            setattr(node, last, value)


class Trainer:
    @staticmethod
    def get_default_config():
        C = CfgNode()
        C.num_workers = 4
        C.max_iters = None
        C.batch_size = 64
        C.learning_rate = 3e-4
        C.weight_decay = 0.1
        return C


def get_config():
    C = CfgNode()
    C.system = CfgNode()
    C.system.seed = 3407
    C.system.work_dir = "./out/chargpt"
    C.model = CfgNode()
    C.model.embd_pdrop = 0.1
    C.trainer = Trainer.get_default_config()
    C.trainer.max_iters = 100
    C.trainer.learning_rate = 5e-4
    return C


if __name__ == "__main__":
    config = get_config()
    config.merge_from_args(sys.argv[1:])
    os.makedirs(config.system.work_dir, exist_ok=True)
    for iter_num in range(config.trainer.max_iters):
        if iter_num % 10 == 0:
            loss = 4.0 / (1 + iter_num)
            print(f"iter_dt {0.1 * 1000:.2f}ms; iter {iter_num}: train loss {loss:.5f}")
