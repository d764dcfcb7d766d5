"""What every command over an endpoint is told about it, and what its manifest says about that."""

import hashlib
import importlib.metadata
import platform
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instructions.explain.ledger import Ledger
from instructions.explain.progress import cost
from instructions.explain.rows import Endings
from mentalglm import __version__
from mentalglm.destination import Destination, check_destination
from mentalglm.endpoint import Endpoint, open_endpoint


@dataclass(frozen=True)
class Connection:
    """How an endpoint is reached and asked; the options of the commands carry the same names."""

    endpoint: str
    model: str
    allow_external: bool = False
    api_key_env: str | None = None
    concurrency: int = 8
    timeout: float = 120.0
    retries: int = 6
    attempts: int = 3
    max_tokens: int = 512
    temperature: float = 0.7
    seed: int = 0
    prices: tuple[float, float] | None = None

    def check(self) -> Destination:
        """Where requests go. Raises UserError where they must not."""
        return check_destination(self.endpoint, self.allow_external)

    def open(self, destination: Destination, model: str | None = None) -> AbstractAsyncContextManager[Endpoint]:
        """The connection pool, for ``model`` where it is not the main one."""
        return open_endpoint(
            destination,
            model or self.model,
            api_key_env=self.api_key_env,
            concurrency=self.concurrency,
            seconds=self.timeout,
            retries=self.retries,
        )

    def described(self, destination: Destination) -> dict[str, Any]:
        """For the manifest: where things went, and how they were asked; never the key."""
        return {
            "endpoint": destination.url,
            "host": destination.host,
            "addresses": list(destination.addresses),
            "outside_private_ranges": destination.external,
            "model": self.model,
            "sampling": {"max_tokens": self.max_tokens, "temperature": self.temperature, "seed": self.seed},
            "attempts": self.attempts,
        }


def beside(out: Path, kind: str) -> Path:
    """The file that stands beside ``OUT.jsonl``: ``OUT.rejected.jsonl``, ``OUT.manifest.json`` …"""
    return out.with_name(f"{out.name.removesuffix('.jsonl')}.{kind}")


def file_digest(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Of what made the run."""
    return {
        "mentalglm": __version__,
        "python": platform.python_version(),
        "openai": importlib.metadata.version("openai"),
    }


def tally(endings: Endings, ledger: Ledger, prices: tuple[float, float] | None) -> dict[str, Any]:
    """Attempts, problems and tokens; tokens of all runs that wrote into this ledger, earlier ones too."""
    outcomes = list(endings.outcomes.values())
    entries = list(ledger.entries())
    replies = [entry for entry in entries if entry["what"] == "reply"]
    read = sum(entry["prompt_tokens"] for entry in replies)
    written = sum(entry["completion_tokens"] for entry in replies)
    verdicts = (entry["problems"] for entry in entries if entry["what"] == "verdict")
    price = cost(read, written, prices)
    return {
        "attempts_of_rows": _counted(str(outcome.attempts) for outcome in outcomes),
        "problems_of_replies": _counted(problem for problems in verdicts for problem in problems),
        "replies": len(replies),
        "tokens": {"read": read, "written": written},
        "cost": None if price is None else round(price, 4),
    }


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
