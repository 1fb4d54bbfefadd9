"""Loops over steps that evaluate before their first step and after their last."""

import ast

import pytest

from hpsearch.drafting.from_script.both_ends import evaluates_at_both_ends
from hpsearch.drafting.from_script.steps import is_interval

WHILE = """
best, step = 0.0, 0
while True:
    if {guard}:
        print(step)
    step += 1
    if step {end} max_iters:
        break
"""
FOR = """
for step in range({range}):
    if {guard}:
        print(step)
"""


@pytest.mark.parametrize(
    ("text", "both"),
    [
        (WHILE.format(guard="step % eval_interval == 0 and is_main", end=">"), True),
        (WHILE.format(guard="step % args.eval_interval == 0 and is_main", end=">"), True),
        (WHILE.format(guard="step % eval_interval == 0", end=">="), False),
        (WHILE.format(guard="step % eval_interval == 0 and step > 0", end=">"), False),
        (WHILE.format(guard="step and step % eval_interval == 0", end=">"), False),
        (WHILE.format(guard="(step + 1) % eval_interval == 0", end=">"), False),
        (WHILE.format(guard="step % log_interval == 0", end=">"), False),
        (WHILE.replace("0.0, 0\n", "0.0, 1\n").format(guard="step % eval_interval == 0", end=">"), False),
        ("step = 0\nwhile step <= n:\n    if step % eval_every == 0:\n        print(step)\n    step += 1\n", True),
        ("step = 0\nwhile step < n:\n    if step % eval_every == 0:\n        print(step)\n    step += 1\n", False),
        ("step = 0\nwhile step <= n:\n    step += 1\n    if step % eval_every == 0:\n        print(step)\n", False),
        (FOR.format(range="max_iters", guard="step % eval_interval == 0 or step == max_iters - 1"), True),
        (FOR.format(range="max_iters", guard="step % eval_interval == 0 or last_step"), True),
        (FOR.format(range="max_iters", guard="step % eval_interval == 0"), False),
        (FOR.format(range="1, max_iters", guard="step % eval_interval == 0 or step == max_iters"), False),
    ],
)
def test_evaluates_at_both_ends(text, both):
    assert evaluates_at_both_ends(ast.parse(text), is_interval) is both
