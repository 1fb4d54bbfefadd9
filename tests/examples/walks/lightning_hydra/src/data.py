"""Four clouds of points."""

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset


class Blobs(lightning.LightningDataModule):
    def __init__(self, samples: int, batch_size: int, num_workers: int) -> None:
        super().__init__()
        self.save_hyperparameters()

    def setup(self, stage: str) -> None:
        generator = torch.Generator().manual_seed(0)
        labels = torch.arange(2 * self.hparams.samples) % 4
        centres = torch.tensor([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]])
        points = centres[labels] + 0.5 * torch.randn(len(labels), 2, generator=generator)
        half = self.hparams.samples
        self.train, self.val = TensorDataset(points[:half], labels[:half]), TensorDataset(points[half:], labels[half:])

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, self.hparams.batch_size, shuffle=True, num_workers=self.hparams.num_workers)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val, self.hparams.batch_size, num_workers=self.hparams.num_workers)
