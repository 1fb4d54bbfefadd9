"""Train a model.

Usage:
  train.py [--lr=<lr>] [--epochs=<n>] [--batch-size=<b>] [--dropout=<p>] [--out-dir=<dir>] [--seed=<s>]
  train.py (-h | --help)

Options:
  -h --help           Show this screen.
  --lr=<lr>           Learning rate [default: 0.001].
  --epochs=<n>        Number of epochs [default: 10].
  --batch-size=<b>    Batch size [default: 32].
  --dropout=<p>       Dropout [default: 0.5].
  --out-dir=<dir>     Where to write [default: out].
  --seed=<s>          Random seed [default: 0].
"""
from docopt import docopt

if __name__ == "__main__":
    args = docopt(__doc__)
    for epoch in range(int(args["--epochs"])):
        print("[Epoch %d] train loss %.3f, valid F1 = %.2f" % (epoch, 1.0, 50 + epoch))
