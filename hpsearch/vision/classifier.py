"""The objective itself: `use: image_classifier`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hpsearch.errors import ObjectiveError
from hpsearch.trial.handle import Trial
from hpsearch.trial.seeding import derive_seed
from hpsearch.trial.trial import Config
from hpsearch.vision.data import channel_statistics, class_names, facts, load
from hpsearch.vision.parameters import Hyperparameters
from hpsearch.vision.section import ImageClassifier

if TYPE_CHECKING:
    import numpy as np
    import torch

    from hpsearch.vision.models import NetworkSpec
    from hpsearch.vision.training import Tensors


class ImageClassifierObjective:
    """Trains image classifiers; the data stays on the device from trial to trial.

    Args:
        settings: The `objective` section of the space file.
    """

    can_predict = True

    def __init__(self, settings: ImageClassifier) -> None:
        self.settings = settings
        self._device: torch.device | None = None
        self._splits: dict[str, Tensors] = {}
        self._mean: list[float] = []
        self._std: list[float] = []
        self._classes = 0
        self._names: list[str] = []

    def setup(self, device: str) -> None:
        """Load the train and val splits. The test split is loaded once `predict` asks for it.

        Args:
            device: Its name in torch, such as `cuda:0`.

        Raises:
            InputError: The data is missing or damaged.
        """
        import torch

        train, val = load(self.settings, "train", "val")
        self._mean, self._std = channel_statistics(train.images)
        self._names = class_names(self.settings)
        self._classes = len(self._names) or facts(self.settings).classes
        self._device = torch.device(device)
        self._splits = {"train": self._tensors(train), "val": self._tensors(val)}

    def train(self, config: Config, trial: Trial) -> Iterator[dict[str, float]]:
        """Yield `train_loss`, `train_accuracy` and the `val_...` metrics of each epoch, NaN included.

        Raises:
            FieldError: The config has an unknown or impossible value.
            ObjectiveError: The bias that the config wants has no place in the model.
            torch.cuda.OutOfMemoryError: The GPU can't hold even one image.
        """
        import torch

        from hpsearch.vision.final_bias import set_final_bias
        from hpsearch.vision.training import Trainer, evaluate

        device, hyper = self._ready(), Hyperparameters.from_config(config)
        spec = self._spec(hyper)
        torch.manual_seed(derive_seed(trial.seed, "weights"))
        network = spec.build().to(device)
        if hyper.final_bias == "frequencies":
            set_final_bias(network, self._splits["train"].labels, spec.classes)
        trainer = Trainer(
            network,
            self._splits["train"],
            hyper,
            epochs=self.settings.epochs,
            seed=trial.seed,
            precision=self.settings.precision,
            log=trial.log,
        )
        checkpoint = trial.load_checkpoint()
        if checkpoint is not None:
            trainer.restore(checkpoint)
        made = {"config": dict(config), "network": spec.as_dict()} | ({"classes": self._names} if self._names else {})
        for epoch in trial.epochs():
            metrics = trainer.epoch(epoch) | evaluate(trainer.evaluated, self._splits["val"], self.settings.precision)
            trial.save_checkpoint(made | trainer.state(epoch))
            yield metrics

    def predict(self, checkpoint: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return class probabilities (n_samples, n_classes), float32, and labels (n_samples,), int64.

        Args:
            checkpoint: What `train` saved.
            split: `val` or `test`.
        """
        from hpsearch.vision.predictions import probabilities_of, restored_network
        from hpsearch.vision.training import autocast

        device = self._ready()
        if split not in self._splits:
            self._splits[split] = self._tensors(*load(self.settings, split))
        data = self._splits[split]
        network = restored_network(checkpoint, device)
        probabilities = probabilities_of(network, data.images, autocast(device, self.settings.precision))
        return probabilities, data.labels.cpu().numpy()

    def _ready(self) -> torch.device:
        if self._device is None:
            msg = "setup(device) was not called before the first trial"
            raise ObjectiveError(msg)
        return self._device

    def _tensors(self, split: Any) -> Tensors:
        import torch

        from hpsearch.vision.training import Tensors

        return Tensors(*(torch.from_numpy(array).to(self._device) for array in split))

    def _spec(self, hyper: Hyperparameters) -> NetworkSpec:
        from hpsearch.vision.models import NetworkSpec

        images = self._splits["train"].images
        return NetworkSpec(
            model=self.settings.model,
            channels=images.shape[1],
            side=images.shape[-1],
            classes=self._classes,
            mean=self._mean,
            std=self._std,
            image_size=self.settings.image_size,
            dropout=hyper.dropout,
            width=hyper.width,
        )
