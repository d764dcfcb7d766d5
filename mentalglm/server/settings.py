"""What a server is told at its start, and what it refuses before a model is loaded."""

import ipaddress
import os
from dataclasses import dataclass

from mentalglm.errors import UserError


@dataclass(frozen=True)
class Settings:
    """How much a server takes on.

    Attributes:
        host: The address it listens at.
        port: Its port; 0 takes a free one.
        api_key: What clients must bring, or None for no key.
        batch_size: Posts, and separately chats, worked on at once.
        max_waiting: Answers (post times task, or chat) in hand at most; one more request is told to come back later.
        max_posts: Posts in one request.
        max_characters: Characters in one post.
        max_body: Bytes in a request.
        max_new_tokens: Tokens that a chat may write, whatever it asks for.
        timeout: Seconds that a request may take, waiting included.
        grace: Seconds that a stopping server gives to what it has in hand.
        abstain: Whether decisions too uncertain for the calibrated error rate are held back.
        quiet: Whether the line per request is left out.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str | None = None
    batch_size: int = 16
    max_waiting: int = 512
    max_posts: int = 64
    max_characters: int = 20_000
    max_body: int = 4 * 2**20
    max_new_tokens: int = 1024
    timeout: float = 120.0
    grace: float = 30.0
    abstain: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_waiting", "max_posts", "max_characters", "max_body", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be at least 1")
        for name in ("timeout", "grace"):
            if not 0 < getattr(self, name) <= 86_400:
                raise UserError(f"--{name} {getattr(self, name)}: must be above 0 and at most 86400 seconds")
        if not 0 <= self.port <= 65_535:
            raise UserError(f"--port {self.port}: must be from 0 to 65535")
        if self.api_key is None and not _is_loopback(self.host):
            raise UserError(f"--host {self.host} can be reached by others; set a key and name it with --api-key-env")


def api_key_from(name: str | None) -> str | None:
    """The key in the environment variable called ``name``; a key on the command line could be read by every user.

    Raises:
        UserError: The variable is not set, is empty, or cannot be sent in a header.
    """
    if name is None:
        return None
    key = os.environ.get(name, "")
    if not key or not key.isascii() or not key.isprintable() or key != key.strip():
        raise UserError(f"--api-key-env {name}: the variable must hold a key of printable ASCII without blank edges")
    return key


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
