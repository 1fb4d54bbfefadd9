"""What several tests need.

Its import brings the process into the state that every test begins in, before the libraries are imported that read the
environment; and lets pytest explain the asserts in it as it explains those of tests.
"""

import pkgutil

import pytest

from .environment import settle

settle()
names = {module.name for module in pkgutil.iter_modules(__path__)} - {"environment"}  # that is imported already
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in names))
