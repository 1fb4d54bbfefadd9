import logging

logging.basicConfig(level=logging.INFO, format="[%(asctime)s %(levelname)s] %(message)s")
logger = logging.getLogger()


def train(opt):
    for step in range(1, opt.train_steps + 1):
        if step % (opt.report_every) == 0:
            logger.info(
                f"Step {step}/{opt.train_steps}; acc: {50.0:4.1f}; ppl: {100.0:5.1f}; xent: {4.0:4.1f}; lr: {1.0:7.5f}"
            )
        if step % opt.valid_steps == 0:
            logger.info("Train perplexity: %g" % 100.0)
            logger.info("Train accuracy: %g" % 40.0)
            logger.info("Validation perplexity: %g" % (90.0 / step))
            logger.info("Validation accuracy: %g" % 41.0)
