"""What is refused before a study of the built-in objective starts."""

from __future__ import annotations

from hpsearch.errors import FieldError
from hpsearch.space.space import Space
from hpsearch.vision.parameters import OWN_MODELS, can_be, check_values
from hpsearch.vision.section import ImageClassifier


def check_parameters(space: Space, settings: ImageClassifier) -> None:
    """Refuse a space whose configs the objective could not train.

    Imports torch only for a model of torchvision.

    Raises:
        FieldError: A setting is for other data, a parameter is unknown or can have an impossible value, or the model is
            unknown, too large for the images or without a place for a bias that is asked for; the message says what is
            allowed.
    """
    _check_settings(settings)
    for name in space.names:
        if name == "width" and settings.model not in OWN_MODELS:
            found = f"{settings.model} has no width"
            raise FieldError(("space", name), found, f"width with model: {' or '.join(OWN_MODELS)}")
        check_values(space, name)
    if settings.model not in OWN_MODELS:
        from hpsearch.vision.models import check_model

        check_model(settings)
        if can_be(space, "final_bias", "frequencies"):
            from hpsearch.vision.final_bias import check_final_bias

            check_final_bias(settings)


def _check_settings(settings: ImageClassifier) -> None:
    for name in ("channels", "group"):
        if getattr(settings, name) is not None and settings.data != "image_folder":
            problem = f"is for data: image_folder, not for {settings.data}"
            raise FieldError(("objective", name), problem, "no such line")
