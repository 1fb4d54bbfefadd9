"""Names of metrics: which words make one, which split it is of, and whether more of it is better."""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_MAXIMIZED = _set(
    "accuracy acc precision prec recall f1 f2 fscore fbeta auc auroc aupr auprc roc ap map miou iou dice jaccard bleu "
    "sacrebleu rouge rougel chrf meteor cider spice psnr ssim r2 score reward return ret ndcg mrr hit hits mcc kappa "
    "pearson spearman correlation specificity sensitivity pck hota mota nds clipscore winrate"
)
_MINIMIZED = _set(
    "loss error err rmse mse mae mape smape rmsle nll ce bce logloss mlogloss merror ppl perplexity bpb bpc bpd wer "
    "cer fid kid lpips eer ece brier regret crps epe chamfer l1 l2"
)
_OVERLAPS = _set("iou miou dice bleu sacrebleu map ap")  # what such tasks are judged by
_ACCURATE = _set("accuracy acc top")
_AT_RANK = _set("acc accuracy top prec precision recall hit hits")
_TASKS = _set("error err rmse mse mae mape smape rmsle wer cer fid kid lpips eer epe")
_VALIDATION = _set("val valid validation validating validate eval evaluation evaluate dev heldout vali")
_TEST = _set("test testing tst")
_TRAIN = _set("train training trn tr running")
_SPLITS = _VALIDATION | _TEST | _TRAIN
_SHORT = {"validation": "val", "validating": "val", "validate": "val", "vali": "val", "evaluation": "eval"}
_SHORT |= {"evaluate": "eval", "testing": "test", "tst": "test", "training": "train", "trn": "train", "tr": "train"}
_JOINED = re.compile(
    r"(val|valid|validation|test|train|eval|dev)(loss|acc|accuracy|f1|auc|iou|bleu|ppl|err|error|mse)s?"
)
_OTHER = _set(  # what such a name is not: the metric of an epoch
    "scale weight weights threshold patience coef coeff lambda lr rate time eta fn func criterion type name file "
    "path delta scaler ratio"
)
_FORMATS = _set("mixed half full double single fp16 fp32 bf16 amp float numeric compute matmul")  # of `precision`
_PAST = _set("best max min lowest highest previous prev improved decreased increased from so far peak final ema")
_SINGULAR = {"losses": "loss", "accs": "acc", "accuracies": "accuracy", "errors": "error", "scores": "score"}
_NOISE = _set(
    "average avg the of on for is current set total overall our with at a an and mean epoch in this after model "
    "network images data dataset cur now here s"
)
_COUNT = re.compile(r"\d{3,}")  # of images
_MOST_WORDS = 4


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name or a label in lower case: `val` and `acc1` for `Val Acc@1`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", name.replace("mIoU", "miou").replace("mAP", "map"))
    joined = re.sub(r"(?<=[A-Za-z])[@\-_]?(?=\d)", "", spaced)
    found: list[str] = []
    for word in re.split(r"[^a-z0-9]+", joined.lower()):
        composite = _JOINED.fullmatch(word)
        found += [*composite.groups()] if composite else [_SINGULAR.get(word, word)] if word else []
    return tuple(found)


def is_metric(words: tuple[str, ...]) -> bool:
    """Return whether words name a metric."""
    known = [word for word in words if _is_known(word)]
    is_number_format = known == ["precision"] and not _FORMATS.isdisjoint(words)
    return bool(known) and not _OTHER.intersection(words[-1:]) and not is_number_format


def is_plain(words: tuple[str, ...]) -> bool:
    """Return whether words say nothing but a metric and its split."""
    return all(_is_known(word) or word in _SPLITS or word in _NOISE for word in words)


def is_past(words: tuple[str, ...]) -> bool:
    """Return whether words speak of the best so far, not of this epoch."""
    return bool(_PAST.intersection(words))


def direction_of(metric: str) -> str:
    """Return `minimize` for a name like a loss or an error, else `maximize`."""
    return "minimize" if any(_stem(word) in _MINIMIZED for word in words_of(metric)) else "maximize"


def split_of(words: tuple[str, ...]) -> str:
    """Return the first word that names a split; empty if none does."""
    return next((stem for word in words if (stem := word.rstrip("0123456789")) in _SPLITS), "")


def split_rank(split: str, *, evaluates: bool = False) -> int:
    """Return where a split stands: validation, test, unsaid, training.

    Args:
        evaluates: Whether the metric is measured in a function that evaluates.
    """
    if split in _VALIDATION or (not split and evaluates):
        return 0
    return 1 if split in _TEST else 3 if split in _TRAIN else 2


def kind_rank(words: tuple[str, ...]) -> int:
    """Return where a kind of metric stands: overlaps, accuracies, others to maximize, errors, losses, the rest."""
    stems = {_stem(word) for word in words}
    if stems & _MINIMIZED:
        return 4 if "loss" in stems else 3 if stems & _TASKS else 5
    if any(word.endswith("5") for word in words if _stem(word) in _AT_RANK):
        return 2  # top 5 stands behind top 1
    return 0 if stems & _OVERLAPS else 1 if stems & _ACCURATE else 2


def short_name(words: tuple[str, ...], split: str) -> str:
    """Return a name in snake case for a group of a regular expression.

    Args:
        words: They name a metric.
        split: Goes in front if none of the words names one.
    """
    kept = [word for word in words if word not in _NOISE and not _COUNT.fullmatch(word)]
    if len(kept) > _MOST_WORDS:
        own = split_of(words)
        kept = [*([own] if own else []), next(word for word in words if _is_known(word))]
    if split and not split_of(tuple(kept)):
        kept.insert(0, _SHORT.get(split, split))
    name = "_".join(kept) or "metric"
    return name if not name[0].isdigit() else f"metric_{name}"


def _is_known(word: str) -> bool:
    stem = _stem(word)
    return stem in _MAXIMIZED or stem in _MINIMIZED or (stem == "top" and word != stem)


def _stem(word: str) -> str:
    return word if word in _MAXIMIZED or word in _MINIMIZED else word.rstrip("0123456789")
