"""``python -m mentalglm.server``, the same as ``mentalglm serve``."""

import typer

from mentalglm.server.cli import serve

if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(serve)
    app()
