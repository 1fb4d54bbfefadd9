"""One thread for linear algebra.

The matrices are small, and the cores belong to the trials: where these keep all of them busy, threads that wait for
each other made a decision 40 times slower. Results don't depend on the number of cores either.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread in this process, for as long as the context is open."""
    with _pools().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _pools() -> Any:
    """Return the controller of the libraries that NumPy and SciPy use; to find them takes 10 ms."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
