"""The commands under one name, and errors told without a traceback."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import kernelc as kc

from ._console import errors, output
from ._diagnose import diagnose_command
from ._flags import arguments_of, as_flags
from ._inspect import inspect_command
from ._kernel import kernel_command
from ._read import read_command
from ._shape import shape_command
from ._train import train_command


WRONG = 2


class _Explaining(TyperGroup):
    """Turns a `KernelcError` into its message and exit code 2; anything else is a bug."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except kc.KernelcError as error:
            console = errors()
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            flags = arguments_of(command.params if command is not None else ())
            found = as_flags(error.found, flags)
            console.print(f"error: {error.where}: {found}", style="bold")
            console.print(f"  law:    {as_flags(error.law, flags)}")
            console.print(f"  remedy: {as_flags(error.remedy, flags)}")
            raise typer.Exit(WRONG) from error


app = typer.Typer(
    name="kernelc",
    cls=_Explaining,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Read, derive, diagnose, shape, compute and train the kernels of neural networks.",
)


def _print_version(asked: bool) -> None:
    if asked:
        output().print(f"kernelc {kc.__version__}")
        raise typer.Exit


@app.callback()
def _before_any(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    del version  # answered by its callback


app.command("inspect")(inspect_command)
app.command("read")(read_command)
app.command("diagnose")(diagnose_command)
app.command("shape")(shape_command)
app.command("kernel")(kernel_command)
app.command("train")(train_command)


def main() -> None:
    """Entry point of the `kernelc` command."""
    app()
