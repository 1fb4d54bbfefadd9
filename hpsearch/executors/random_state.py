"""The random generators that an objective may use without asking, seeded for a trial."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def prepare(seed: int, threads: int | None) -> None:
    """Seed Python's, NumPy's and torch's generators, and set torch's threads.

    Torch takes seconds to import: if it is not there yet, this is done at the moment at which it is imported.

    Args:
        seed: Below 2**32.
        threads: CPU threads of torch; None leaves torch alone, where an objective of this process doesn't use it.
    """
    random.seed(seed)
    import numpy as np

    np.random.seed(seed)  # noqa: NPY002 - the global generator is one of them
    _AtImport.forget()
    if threads is None:
        return
    torch = sys.modules.get("torch")
    if torch is not None:
        _prepare_torch(torch, seed, threads)
    else:
        sys.meta_path.insert(0, _AtImport(seed, threads))


def _prepare_torch(torch: Any, seed: int, threads: int) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(threads)


class _AtImport(MetaPathFinder):
    """Finds torch as Python would, and prepares it once it is imported."""

    def __init__(self, seed: int, threads: int) -> None:
        self._seed, self._threads = seed, threads

    @staticmethod
    def forget() -> None:
        """Take back what was to be done for an earlier trial."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _AtImport)]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return torch's spec, with a loader that goes on to prepare it; None for all other modules."""
        del path, target
        if fullname != "torch":
            return None
        self.forget()
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loaded = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                loaded(module)
                _prepare_torch(module, self._seed, self._threads)

            vars(spec.loader)["exec_module"] = exec_module
        return spec
