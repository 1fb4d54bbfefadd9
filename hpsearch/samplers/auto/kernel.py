"""The covariance of values of (config, epoch), and the fit of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

JITTER = 1e-8  # keeps the matrix positive definite
_ITERATIONS = 40
_TOLERANCE = 1e-5  # of the loss, relative: closer fits differ by a thousandth, and take half as long again
_SMOOTH = np.sqrt(5.0)  # of the Matern kernel 5/2

# Mean and standard deviation of the prior, and bounds, of the logarithm of each parameter; the last is a logit.
_LENGTH = (np.log(0.7), 0.8, np.log(0.03), np.log(10.0))  # of an axis
_OTHERS = (
    (np.log(0.4), 0.5, np.log(0.05), np.log(5.0)),  # length in warped time
    (np.log(0.3), 0.8, np.log(1e-4), np.log(30.0)),  # variance of the curve that all configs share
    (np.log(1.0), 0.8, np.log(1e-4), np.log(30.0)),  # of what the config decides
    (np.log(0.1), 1.2, np.log(1e-4), np.log(30.0)),  # of what is particular to one trial
    (np.log(0.01), 1.2, np.log(1e-5), np.log(2.0)),  # of the noise
    (0.0, 1.0, -4.0, 4.0),  # how much of a config's merit is the same at all epochs
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where curves are known or asked for.

    Attributes:
        coordinates: Of the configs; shape (n, n_columns).
        times: Of the epochs, from 0 to 1; shape (n,).
        trials: A number for each trial, the same at all its epochs; shape (n,).
    """

    coordinates: Floats
    times: Floats
    trials: Integers

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, rows: Any) -> Places:
        """Return some of the places."""
        return Places(self.coordinates[rows], self.times[rows], self.trials[rows])


def joined(*parts: Places) -> Places:
    """Return all places, in order."""
    return Places(
        np.concatenate([one.coordinates for one in parts]),
        np.concatenate([one.times for one in parts]),
        np.concatenate([one.trials for one in parts]),
    )


@dataclass(frozen=True, slots=True)
class _Pairs:
    """What all parameters leave the same, for pairs of places; shapes (n, m)."""

    gaps: Floats  # squared, in warped time
    same: Floats  # 1 where the trial is the same

    @classmethod
    def of(cls, left: Places, right: Places) -> _Pairs:
        gaps = (left.times[:, None] - right.times) ** 2
        return cls(gaps, (left.trials[:, None] == right.trials).astype(float))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the gradient needs again; shapes (n, m)."""

    merit: Floats  # Matern over configs
    merit_slope: Floats
    time: Floats  # squared exponential over time
    lasting: Floats
    particular: Floats


class CurveKernel:
    """Covariance `c Kt + (g M + v same) (rho + (1 - rho) Kt)`, with noise on the diagonal.

    Kt is a squared exponential in warped time, M a Matern 5/2 over configs with one length a parameter, c the variance
    of the curve that all configs share, g of what the config decides, v of what is particular to one trial. The
    parameters are logarithms: a length each, the length in time, c, g, v, noise, and the logit of rho.

    Args:
        groups: The parameter of each column of coordinates, from 0.
    """

    def __init__(self, groups: Integers) -> None:
        self._groups = groups
        self.lengths = int(groups.max(initial=-1)) + 1
        rows = np.array([_LENGTH] * self.lengths + list(_OTHERS))
        self.prior, self._spread = rows[:, 0], rows[:, 1]
        self._bounds = [(float(low), float(high)) for low, high in rows[:, 2:]]

    def noise(self, parameters: Floats) -> float:
        """Return the variance of a measurement around its curve."""
        return float(np.exp(parameters[self.lengths + 4]))

    def variance(self, parameters: Floats) -> float:
        """Return the variance of a curve at one epoch."""
        return float(np.exp(parameters[self.lengths + 1 : self.lengths + 4]).sum())

    def covariance(self, parameters: Floats, left: Places, right: Places) -> Floats:
        """Return the covariance of curves, without noise; shape (n_left, n_right)."""
        pairs = _Pairs.of(left, right)
        parts = self._parts(parameters, left.coordinates, right.coordinates, pairs)
        return float(np.exp(parameters[self.lengths + 1])) * parts.time + parts.particular * parts.lasting

    def _parts(self, parameters: Floats, left: Floats, right: Floats, pairs: _Pairs) -> _Parts:
        count = self.lengths
        shrink = np.exp(-parameters[:count])[self._groups]
        one, other = left * shrink, right * shrink
        squares = (one * one).sum(1)[:, None] + (other * other).sum(1) - 2 * one @ other.T
        distance = _SMOOTH * np.sqrt(np.maximum(squares, 0))
        decay, slope = np.exp(-distance), 1 + distance
        time = np.exp(pairs.gaps * (-0.5 * np.exp(-2 * parameters[count])))
        _, decided, own = np.exp(parameters[count + 1 : count + 4])
        share = _logistic(parameters[count + 5])
        merit = (slope + distance * distance / 3) * decay
        return _Parts(
            merit, (5 / 3) * slope * decay, time, share + (1 - share) * time, decided * merit + own * pairs.same
        )

    def loss(
        self, parameters: Floats, places: Places, targets: Floats, extra: Floats, pairs: _Pairs | None = None
    ) -> tuple[float, Floats]:
        """Return the negative log posterior of parameters, up to a constant, and its gradient.

        Args:
            parameters: Shape (n_lengths + 6,).
            places: Of the measurements.
            targets: Shape (n,).
            extra: Noise variance of each measurement beside the common one; shape (n,).
            pairs: Of the places, where they are known already.
        """
        from scipy.linalg import cho_solve, cholesky, get_lapack_funcs

        pairs = pairs or _Pairs.of(places, places)
        parts = self._parts(parameters, places.coordinates, places.coordinates, pairs)
        matrix = float(np.exp(parameters[self.lengths + 1])) * parts.time + parts.particular * parts.lasting
        matrix[np.diag_indices(len(targets))] += self.noise(parameters) + extra + JITTER
        try:
            factor = cholesky(matrix, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(parameters)
        weights = cho_solve((factor, True), targets, check_finite=False)
        lower = get_lapack_funcs("potri", (factor,))(factor, lower=1)[0]  # the other triangle is 0
        inverse = lower + lower.T
        inverse[np.diag_indices(len(targets))] /= 2
        pull = 0.5 * (inverse - np.outer(weights, weights))  # the derivative of the loss by the matrix
        offset = (parameters - self.prior) / self._spread
        value = 0.5 * targets @ weights + np.log(np.diag(factor)).sum() + 0.5 * offset @ offset
        slopes = self._slopes(parameters, places.coordinates, parts, pairs, pull)
        return float(value), slopes + offset / self._spread

    def _slopes(self, parameters: Floats, coordinates: Floats, parts: _Parts, pairs: _Pairs, pull: Floats) -> Floats:
        count = self.lengths
        shared, decided, own, noise = np.exp(parameters[count + 1 : count + 5])
        share = _logistic(parameters[count + 5])
        points = coordinates * np.exp(-parameters[:count])[self._groups]
        lasting, particular = pull * parts.lasting, pull * parts.particular
        flow = decided * lasting * parts.merit_slope
        columns = 2 * (flow.sum(1) @ (points * points) - (points * (flow @ points)).sum(0))
        in_time = (shared * pull + (1 - share) * particular) * parts.time
        others = [
            np.vdot(in_time, pairs.gaps) * np.exp(-2 * parameters[count]),
            shared * np.vdot(pull, parts.time),
            decided * np.vdot(lasting, parts.merit),
            own * np.vdot(lasting, pairs.same),
            noise * np.trace(pull),
            share * (1 - share) * (particular.sum() - np.vdot(particular, parts.time)),
        ]
        return np.concatenate([np.bincount(self._groups, columns, count), others])

    def fit(self, places: Places, targets: Floats, extra: Floats) -> Floats:
        """Return the most probable parameters, searched from the prior's mean: a pure function of its arguments."""
        from scipy.optimize import minimize

        found = minimize(
            self.loss,
            self.prior,
            (places, targets, extra, _Pairs.of(places, places)),
            jac=True,
            method="L-BFGS-B",
            bounds=self._bounds,
            options={"maxiter": _ITERATIONS, "ftol": _TOLERANCE},
        )
        return np.asarray(found.x, float)


def _logistic(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))
