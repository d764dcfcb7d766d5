"""Starts the server and ends it: a socket, a model, requests, and time to finish what is in hand."""

import logging
import signal
import socket
import sys

from mentalglm.errors import UserError
from mentalglm.hotlines import load_hotlines
from mentalglm.models import LoadedModel
from mentalglm.server.settings import Settings


def bind(settings: Settings) -> socket.socket:
    """The socket to listen at. It is taken before a model is loaded: a port in use should not cost a wait.

    Raises:
        UserError: The address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[
            0
        ]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise UserError(f"cannot listen at {place} ({error.strerror}); choose another --port or --host") from None
    return listener


def run(loaded: LoadedModel, style: str | None, settings: Settings, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what is in hand."""
    import uvicorn

    from mentalglm.server.app import make_app
    from mentalglm.server.metrics import Metrics
    from mentalglm.server.worker import Worker

    load_hotlines()  # a site's own file is checked now, not under the first grave post
    metrics = Metrics()
    worker = Worker(loaded, style, settings, metrics)
    worker.start()
    worker.warm_up()
    config = uvicorn.Config(
        make_app(worker, settings, metrics),
        lifespan="off",
        log_level="critical",  # our own line per request names a path and no more
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.grace)),
    )
    # What asyncio would say of a request that was given up holds an exception's words.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    # uvicorn raises the signal that stopped it once more when it is done; an orderly stop is no failure.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"serving {worker.name} at http://{shown}:{port}; Ctrl-C stops", file=sys.stderr, flush=True)
    uvicorn.Server(config).run(sockets=[listener])
    worker.close(settings.grace)
    print("stopped", file=sys.stderr, flush=True)
