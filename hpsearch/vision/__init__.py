"""The built-in objective: image classification on data sets that scikit-learn and torchvision bring.

Importing this package imports no torch: it is loaded when a worker sets the objective up.
"""

from hpsearch.vision.checks import check_parameters
from hpsearch.vision.classifier import ImageClassifierObjective
from hpsearch.vision.data import check_data

__all__ = ["ImageClassifierObjective", "check_data", "check_parameters"]
