import math
import os
import random

from absl import app, flags
from ml_collections import config_flags

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "Directory to store model data.")
config_flags.DEFINE_config_file("config", None, "File path to the training hyperparameter configuration.", lock_config=True)


def main(argv):
    config = FLAGS.config
    os.makedirs(FLAGS.workdir, exist_ok=True)
    for epoch in range(1, config.num_epochs + 1):
        test_loss = abs(math.log10(config.learning_rate) + 1) + random.random() / epoch
        print("epoch:% 3d, test_loss: %.4f, test_accuracy: %.2f" % (epoch, test_loss, 100 / (1 + test_loss)), flush=True)


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main)
