"""``mentalglm serve``."""

import importlib.util
from typing import Annotated

import typer

from mentalglm.errors import UserError, exit_on_user_error


@exit_on_user_error()
def serve(
    model: Annotated[str | None, typer.Option(help="Folder or hub name (default: the embedded model).")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 …")] = None,
    dtype: Annotated[str | None, typer.Option(help="fp32, bf16 or fp16.")] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of a hub model.")] = None,
    quantization: Annotated[str | None, typer.Option(help="int8 on cpu; int8 or int4 on cuda.")] = None,
    abstain: Annotated[
        bool, typer.Option("--abstain", help="Make no decision where the calibrated error rate allows none.")
    ] = False,
    style: Annotated[str | None, typer.Option(help="How a foreign model is asked, such as imhi.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; others than this machine's own need a key.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8000,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the key clients must send.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Posts, and chats, worked on at once.")] = 16,
    max_waiting: Annotated[int, typer.Option(help="Answers in hand before clients are told to come later.")] = 512,
    max_posts: Annotated[int, typer.Option(help="Posts in one request.")] = 64,
    max_characters: Annotated[int, typer.Option(help="Characters in one post.")] = 20_000,
    max_body: Annotated[int, typer.Option(help="Bytes in one request.")] = 4 * 2**20,
    max_new_tokens: Annotated[int, typer.Option(help="Tokens that a chat may write at most.")] = 1024,
    timeout: Annotated[float, typer.Option(help="Seconds a request may take, waiting included.")] = 120.0,
    grace: Annotated[float, typer.Option(help="Seconds to finish what is in hand when stopped.")] = 30.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line per request.")] = False,
) -> None:
    """Serve the model over HTTP: /v1/analyze, /v1/chat/completions, /v1/tasks, /v1/models, /healthz, /metrics."""
    from mentalglm.server.settings import Settings, api_key_from

    missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f'{missing[0]} is not installed; run pip install "mentalglm[serve]"')
    settings = Settings(
        host=host,
        port=port,
        api_key=api_key_from(api_key_env),
        batch_size=batch_size,
        max_waiting=max_waiting,
        max_posts=max_posts,
        max_characters=max_characters,
        max_body=max_body,
        max_new_tokens=max_new_tokens,
        timeout=timeout,
        grace=grace,
        abstain=abstain,
        quiet=quiet,
    )
    from mentalglm.server.run import bind, run

    listener = bind(settings)
    from mentalglm.models import load_model

    run(load_model(model, device, dtype, revision, quantization), style, settings, listener)
