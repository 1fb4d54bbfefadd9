class Node(dict):
    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__

    def merge_from_list(self, words):
        for name, text in zip(words[::2], words[1::2]):
            *path, last = name.split(".")
            node = self
            for part in path:
                node = node[part]
            old = node[last]
            node[last] = text if isinstance(old, str) else type(old)(text)


_C = Node()
_C.SOLVER = Node()
_C.SOLVER.BASE_LR = 0.01
_C.SOLVER.BIAS_LR_FACTOR = 2.0
_C.SOLVER.WEIGHT_DECAY = 0.0005
_C.SOLVER.WEIGHT_DECAY_BIAS = 0.0005
_C.SOLVER.MOMENTUM = 0.9
_C.SOLVER.GAMMA = 0.1
_C.SOLVER.MAX_EPOCHS = 120
_C.SOLVER.WARMUP_FACTOR = 0.01
_C.SOLVER.IMS_PER_BATCH = 64
_C.SOLVER.SEED = 1
_C.MODEL = Node()
_C.MODEL.NAME = "resnet50"
_C.MODEL.PRETRAINED_PATH = ""
_C.OUTPUT_DIR = "./logs"


def get_cfg():
    return _C
