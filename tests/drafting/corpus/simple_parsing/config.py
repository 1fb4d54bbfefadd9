from dataclasses import dataclass


@dataclass
class TrainConfig:
    lr: float = 5e-4
    lr_backbone: float = 5e-5
    lr_drop: int = 200
    weight_decay: float = 1e-4
    dropout: float = 0.1
    ema_decay: float = 0.999
    epochs: int = 6
