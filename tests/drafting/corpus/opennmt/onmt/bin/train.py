from onmt.opts import train_opts
from onmt.trainer import train as run
import configargparse as cfargparse


def _get_parser():
    parser = cfargparse.ArgumentParser(description="train.py")
    train_opts(parser)
    return parser


def main():
    parser = _get_parser()
    opt, unknown = parser.parse_known_args()
    run(opt)


if __name__ == "__main__":
    main()
