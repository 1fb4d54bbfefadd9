"""The state that every test process begins in, whatever shell or machine it was started from."""

from __future__ import annotations

import os
import signal

# The tests' cluster and its clients share a token; Ray reads it when it is imported.
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}


def settle() -> None:
    """Bring this process into that state; before libraries are imported that read the environment."""
    os.environ |= TOKEN
    # A shell starts what runs in the background with SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
