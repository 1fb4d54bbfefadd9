def _add_train_general_opts(parser):
    group = parser.add_argument_group("General")
    group.add("--data_type", "-data_type", default="text")
    group.add("--save_model", "-save_model", default="model")
    group.add("--save_checkpoint_steps", "-save_checkpoint_steps", type=int, default=5000)
    group.add("--seed", "-seed", type=int, default=-1)
    group = parser.add_argument_group("Initialization")
    group.add("--train_from", "-train_from", default="", type=str)
    group = parser.add_argument_group("Optimization- Type")
    group.add("--batch_size", "-batch_size", type=int, default=64)
    group.add("--valid_steps", "-valid_steps", type=int, default=10000)
    group.add("--train_steps", "-train_steps", type=int, default=100000)
    group.add("--optim", "-optim", default="sgd", choices=["sgd", "adagrad", "adadelta", "adam"])
    group.add("--dropout", "-dropout", type=float, default=[0.3], nargs="+")
    group.add("--label_smoothing", "-label_smoothing", type=float, default=0.0)
    group.add("--learning_rate", "-learning_rate", type=float, default=1.0)
    group.add("--learning_rate_decay", "-learning_rate_decay", type=float, default=0.5)
    group.add("--report_every", "-report_every", type=int, default=50)


def train_opts(parser):
    _add_train_general_opts(parser)
