import math
import random

from sacred import Experiment

ex = Experiment("iris")


@ex.config
def cfg():
    lr = 0.01
    weight_decay = 1e-5
    batch_size = 32
    num_epochs = 10
    log_every = 5


@ex.automain
def main(lr, weight_decay, batch_size, num_epochs, seed):
    random.seed(seed)
    for epoch in range(num_epochs):
        acc = 0.9 - abs(math.log10(lr) + 2) / 10 - weight_decay + random.random() / 100
        print("Epoch %d, val_acc %.4f" % (epoch, acc))
