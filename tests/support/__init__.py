"""Helpers of several tests.

Their import brings the process into the first state of every test, before the import of libraries that read the
environment. It also lets pytest explain asserts in helpers as it does in tests.
"""

import pkgutil

import pytest

from .environment import settle

settle()
names = {module.name for module in pkgutil.iter_modules(__path__)} - {"environment"}  # that is imported already
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in names))
