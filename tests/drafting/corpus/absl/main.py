import math
import os
import random

from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "Directory to store model data.")
flags.DEFINE_float("learning_rate", 0.1, "The learning rate for the momentum optimizer.", lower_bound=0.0)
flags.DEFINE_float("momentum", 0.9, "The decay rate used for the momentum optimizer.")
flags.DEFINE_integer("batch_size", default=128, help="Batch size for training.")
flags.DEFINE_integer("num_epochs", 10, "Number of training epochs.")
flags.DEFINE_enum("optimizer", "sgd", ["sgd", "adam"], "Optimizer to use.")
flags.DEFINE_bool("half_precision", False, "Use float16.")
flags.DEFINE_integer("seed", 0, "Random seed.")


def main(argv):
    os.makedirs(FLAGS.workdir, exist_ok=True)
    random.seed(FLAGS.seed)
    for epoch in range(1, FLAGS.num_epochs + 1):
        test_loss = abs(math.log10(FLAGS.learning_rate) + 1) + random.random() / epoch
        test_accuracy = 100 / (1 + test_loss)
        print("epoch:% 3d, train_loss: %.4f, train_accuracy: %.2f, test_loss: %.4f, test_accuracy: %.2f"
              % (epoch, test_loss, test_accuracy, test_loss, test_accuracy), flush=True)


if __name__ == "__main__":
    flags.mark_flag_as_required("workdir")
    app.run(main)
