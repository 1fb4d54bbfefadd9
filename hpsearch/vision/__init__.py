"""The built-in objective: image classification on a data set of scikit-learn or torchvision.

Importing this package does not import torch. A worker imports it when it sets the objective up.
"""

from hpsearch.vision.checks import check_parameters
from hpsearch.vision.classifier import ImageClassifierObjective
from hpsearch.vision.data import check_data

__all__ = ["ImageClassifierObjective", "check_data", "check_parameters"]
