import logging

log = logging.getLogger(__name__)


class Trainer:
    def __init__(self, epochs, batch_size):
        self.epochs, self.batch_size = epochs, batch_size

    def fit(self, model):
        for epoch in range(self.epochs):
            log.info("epoch %d: train loss %.3f", epoch, 1 / (epoch + 1))
            log.info("epoch %d: validation accuracy %.3f", epoch, 0.5 + epoch / 100)
