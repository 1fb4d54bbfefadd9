"""A command that takes groups of options as values is to typer one that takes each option by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from hpsearch.cli.grouped import grouped


@dataclass(frozen=True, kw_only=True)
class Near:
    place: Annotated[str, typer.Option("--place", help="Where.")] = "here"


@dataclass(frozen=True, kw_only=True)
class Far(Near):
    miles: Annotated[int, typer.Option("--miles", min=1, help="How far.")] = 1


@dataclass(frozen=True, kw_only=True)
class Manner:
    fast: Annotated[bool, typer.Option("--fast", help="Hurry.")] = False


def made(seen: list) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command()
    @grouped
    def go(
        who: Annotated[str, typer.Argument()],
        *,
        manner: Manner,
        again: Annotated[bool, typer.Option("--again")] = False,
        goal: Far,
    ) -> None:
        """Go there."""
        seen.append((who, manner, again, goal))

    return app


def test_the_command_gets_its_groups_as_values():
    seen = []
    app = made(seen)
    assert CliRunner().invoke(app, ["me", "--fast", "--miles", "3"]).exit_code == 0
    assert CliRunner().invoke(app, ["you", "--again", "--place", "there"]).exit_code == 0
    assert seen == [
        ("me", Manner(fast=True), False, Far(place="here", miles=3)),
        ("you", Manner(), True, Far(place="there", miles=1)),
    ]


def test_the_help_has_each_option_in_the_order_of_the_groups():
    output = CliRunner().invoke(made([]), ["--help"]).output
    assert "Go there." in output
    positions = [output.index(option) for option in ("--fast", "--again", "--place", "--miles")]
    assert positions == sorted(positions)


def test_a_wrong_value_is_refused_by_the_name_of_its_option():
    seen = []
    result = CliRunner().invoke(made(seen), ["me", "--miles", "0"])
    assert (result.exit_code, seen) == (2, [])
    assert "--miles" in result.output
