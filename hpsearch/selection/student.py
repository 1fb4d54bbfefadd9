"""Quantiles of Student's t distribution, for the mean of few values."""

from __future__ import annotations

_UPPER_TAIL = 0.975  # leaves 2.5 % on either side of a 95 % interval
# By degrees of freedom, from 1, as SciPy has them. Importing SciPy takes longer than showing a study.
_QUANTILES = (
    12.706204736174694,
    4.302652729749462,
    3.1824463052837078,
    2.7764451051977934,
    2.5705818356363146,
    2.4469118511449786,
    2.364624251592784,
    2.306004135204166,
    2.262157162798205,
    2.228138851986274,
    2.200985160091639,
    2.1788128296672284,
    2.1603686564627913,
    2.144786687917804,
    2.131449545559776,
    2.1199052992212546,
    2.1098155778333156,
    2.1009220402410382,
    2.0930240544083087,
    2.085963447265864,
    2.0796138447276795,
    2.0738730679040254,
    2.0686576104190486,
    2.0638985616280245,
    2.0595385527532972,
    2.0555294386428735,
    2.0518305164802846,
    2.0484071417952454,
    2.045229642132703,
    2.0422724563012378,
)


def t_quantile(degrees: int) -> float:
    """Return the 0.975 quantile of Student's t: half the width of a 95 % interval, in standard errors.

    Args:
        degrees: Of freedom, at least 1.
    """
    if degrees <= len(_QUANTILES):
        return _QUANTILES[degrees - 1]
    from scipy.special import stdtrit  # scipy.stats gives the same, and takes twice as long to import

    return float(stdtrit(degrees, _UPPER_TAIL))
