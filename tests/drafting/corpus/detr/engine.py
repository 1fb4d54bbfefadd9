import util.misc as utils
from datasets.coco_eval import CocoEvaluator


def train_one_epoch(epoch):
    metric_logger = utils.MetricLogger(delimiter="  ")
    metric_logger.add_meter("lr", utils.SmoothedValue(window_size=1, fmt="{value:.6f}"))
    metric_logger.add_meter("class_error", utils.SmoothedValue(window_size=1, fmt="{value:.2f}"))
    header = "Epoch: [{}]".format(epoch)
    print_freq = 10
    for samples in metric_logger.log_every(range(12), print_freq, header):
        metric_logger.update(loss=1.0, class_error=9.0, lr=1e-4)
    print("Averaged stats:", metric_logger)
    return {k: meter.value for k, meter in metric_logger.meters.items()}


def evaluate(epoch):
    metric_logger = utils.MetricLogger(delimiter="  ")
    metric_logger.add_meter("class_error", utils.SmoothedValue(window_size=1, fmt="{value:.2f}"))
    header = "Test:"
    coco_evaluator = CocoEvaluator(("bbox",))
    for samples in metric_logger.log_every(range(12), 10, header):
        metric_logger.update(loss=1.0, class_error=9.0)
    print("Averaged stats:", metric_logger)
    coco_evaluator.summarize()
    return {k: meter.value for k, meter in metric_logger.meters.items()}, coco_evaluator
