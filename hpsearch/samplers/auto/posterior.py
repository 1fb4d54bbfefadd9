"""What the model believes of the last values of trials, given all measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpsearch.samplers.auto.kernel import CurveKernel, Places

Floats = npt.NDArray[np.float64]

_LEAST_NOISE = 2e-5
_NEAR = -8.0  # above it, floats hold the difference of the two terms
_UNSURE = 0.05  # variance that an end keeps which is only assumed


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Measurements as the model takes them.

    Attributes:
        places: Of the measurements.
        targets: Of mean 0 and standard deviation 1; shape (n,).
        extra: Noise variance beside the common one; shape (n,).
        middle: The mean before targets were standardised.
        spread: The standard deviation before.
    """

    places: Places
    targets: Floats
    extra: Floats
    middle: float = 0.0
    spread: float = 1.0


class Posterior:
    """A Gaussian process with its measurements.

    Args:
        kernel: Of the curves.
        parameters: Of the kernel.
        evidence: At least one measurement.
    """

    def __init__(self, kernel: CurveKernel, parameters: Floats, evidence: Evidence) -> None:
        from scipy.linalg import cho_solve, cholesky

        self.kernel, self.parameters, self.evidence = kernel, parameters, evidence
        self.noise = kernel.noise(parameters) + _LEAST_NOISE
        matrix = kernel.covariance(parameters, evidence.places, evidence.places)
        matrix[np.diag_indices(len(evidence.targets))] += self.noise + evidence.extra
        self.factor = cholesky(matrix, lower=True, check_finite=False)
        self.weights = cho_solve((self.factor, True), evidence.targets, check_finite=False)

    def ends(self, places: Places) -> Ends:
        """Return the belief about curves at some places."""
        return Ends(self, places)


class Ends:
    """The belief about the values at some places, which shrinks as ends are assumed to be known.

    Args:
        posterior: Given the measurements.
        places: Asked for; n of them.

    Attributes:
        mean: Shape (n,).
        variance: Shape (n,).
    """

    def __init__(self, posterior: Posterior, places: Places) -> None:
        from scipy.linalg import solve_triangular

        self._posterior, self._places = posterior, places
        cross = posterior.kernel.covariance(posterior.parameters, posterior.evidence.places, places)
        self.mean: Floats = posterior.weights @ cross
        self._known: Floats = solve_triangular(posterior.factor, cross, lower=True, check_finite=False)
        self.variance: Floats = posterior.kernel.variance(posterior.parameters) - (self._known**2).sum(0)
        self._assumed: list[Floats] = []

    def assume(self, row: int) -> None:
        """Count the value at a place as known: as predicted, so only variances shrink."""
        covariance = self.covariance(row)
        size = max(float(covariance[row]), 0.0) + self._posterior.noise + _UNSURE
        step = covariance / np.sqrt(size)
        self._assumed.append(step)
        self.variance = self.variance - step**2

    def covariance(self, row: int) -> Floats:
        """Return the covariance of the value at one place with all; shape (n,)."""
        posterior = self._posterior
        found = posterior.kernel.covariance(posterior.parameters, self._places[row : row + 1], self._places)[0]
        found = found - self._known[:, row] @ self._known
        for step in self._assumed:
            found = found - step[row] * step
        return np.asarray(found, float)

    def draws(self, rows: Sequence[int], count: int, rng: np.random.Generator) -> Floats:
        """Return values at some places, drawn together, as if nothing were assumed; shape (n_rows, count)."""
        posterior, places = self._posterior, self._places[list(rows)]
        matrix = posterior.kernel.covariance(posterior.parameters, places, places)
        known = self._known[:, list(rows)]
        sizes, axes = np.linalg.eigh(matrix - known.T @ known)
        noise = rng.standard_normal((len(rows), count))
        drawn = self.mean[list(rows), None] + axes @ (np.sqrt(np.maximum(sizes, 0))[:, None] * noise)
        return np.asarray(drawn, float)

    def scores(self, best: float) -> Floats:
        """Return the logarithm of the expected improvement on a target at each place; shape (n,)."""
        deviation = np.sqrt(np.maximum(self.variance, 1e-8))
        return np.log(deviation) + log_improvement((self.mean - best) / deviation)


def log_improvement(z: Floats) -> Floats:
    """Return log(phi(z) + z Phi(z)), exact also far below 0: Ament et al., Unexpected Improvements (2023)."""
    from scipy.special import ndtr

    density = -0.5 * z * z - 0.5 * np.log(2 * np.pi)
    near = np.exp(density) + z * ndtr(z)
    square = np.maximum(z * z, _NEAR * _NEAR)
    far = density - np.log(square) + np.log1p(-3 / square + 15 / square**2)
    return np.asarray(np.where(z > _NEAR, np.log(np.maximum(near, 1e-300)), far), float)
