import math
import os
import random

from options.train_options import TrainOptions

if __name__ == "__main__":
    opt = TrainOptions().parse()
    images = os.listdir(opt.dataroot)
    os.makedirs(os.path.join(opt.checkpoints_dir, opt.name), exist_ok=True)
    for epoch in range(opt.epoch_count, opt.n_epochs + opt.n_epochs_decay + 1):
        loss = abs(math.log10(opt.lr) + 4) + len(images) + random.random() / epoch
        print("End of epoch %d / %d \t val_loss: %.4f \t Time Taken: %d sec" % (epoch, opt.n_epochs + opt.n_epochs_decay, loss, 1))
