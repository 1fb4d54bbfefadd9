from __future__ import annotations

import math
import signal

import pytest

from hpsearch.system.guard import Signals

INT, TERM = bytes([signal.SIGINT]), bytes([signal.SIGTERM])
OTHERS = (signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGCONT)


@pytest.mark.parametrize("number", OTHERS)
def test_only_signals_that_ask_for_an_end_count(number):
    signals = Signals(2)
    for now in range(10):
        assert signals.heard(bytes([number]), now) == b""
    assert (signals.first, signals.deadline) == (0, math.inf)
    assert signals.heard(bytes([number]) + TERM + bytes([number]), 10) == TERM
    assert signals.first == signal.SIGTERM
    assert signals.heard(bytes([number]), 11) == b""
    assert signals.deadline == math.inf
    signals.heard(INT, 12)
    assert 12 < signals.deadline < 20
    assert signals.first == signal.SIGTERM


@pytest.mark.parametrize("patience", [2, 3])
def test_the_last_signal_sets_when_the_process_has_to_have_ended(patience):
    signals = Signals(patience)
    for count in range(1, patience):
        signals.heard(INT, count)
        assert signals.deadline == math.inf
    signals.heard(INT, 10)
    first = signals.deadline
    assert 10 < first < 20
    signals.heard(INT, 10.05)  # the same once more
    signals.heard(INT, 100)
    assert signals.deadline == first


def test_the_third_signal_brings_the_end_nearer():
    signals = Signals(2)
    for now in (0, 1, 1.5):
        signals.heard(INT, now)
    assert signals.deadline == 4
