"""What a run says of itself: where what was sent, by which prompts, and how it went."""

import datetime
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from instructions.explain.connection import Connection, file_digest, versions
from instructions.explain.examples import Examples
from instructions.explain.outgoing import Outgoing
from instructions.explain.prompt import prompt_digest
from instructions.explain.settings import ExplainSettings
from mentalglm.destination import Destination
from mentalglm.tasks import Task


def new_manifest(
    path: Path,
    connection: Connection,
    settings: ExplainSettings,
    destination: Destination,
    tasks: list[Task],
    examples: Examples,
    posts: dict[str, Outgoing],
) -> dict[str, Any]:
    """The manifest as it stands when a run begins."""
    return {
        "command": "explain",
        "records": {"file": path.name, "sha256": file_digest(path)},
        **connection.described(destination),
        "judge": settings.judge,
        "grammar": settings.grammar,
        "sent": {
            "what": "posts with personal data masked, their labels, marked words, the task's definitions, examples"
            + ("; to the judge: explanations, without labels and posts" if settings.judge else ""),
            **sent_counts(list(posts.values())),
            "examples_per_question": settings.shots,
        },
        "prompt_sha256": {task.name: prompt_digest(task) for task in tasks},
        "examples_sha256": examples.digest,
        "rows": {"asked_about": len(posts)},
        "versions": versions(),
        "started": now(),
        "finished": None,
    }


def sent_counts(posts: Sequence[Outgoing]) -> dict[str, Any]:
    """How many posts were sent, and what was masked and broken in them."""
    masked = sum((post.masked for post in posts), Counter[str]())
    return {
        "posts": len(posts),
        "personal_data_masked": dict(sorted(masked.items())),
        "special_tokens_broken": sum(post.broken for post in posts),
    }


def as_text(manifest: dict[str, Any]) -> str:
    """A manifest as its file holds it."""
    return json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"


def now() -> str:
    """The time, to the second, in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
