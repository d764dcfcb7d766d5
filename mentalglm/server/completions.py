"""Chat replies as OpenAI's clients expect them: whole, or in chunks of server-sent events."""

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from mentalglm.server.chat_job import TokenChance, Written


@dataclass(frozen=True)
class Completion:
    """One reply's envelope.

    Attributes:
        model: The model's name.
        id: The reply's.
        created: Seconds since 1970.
    """

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, said: list[Written], reason: str, usage: dict[str, int], chances: bool) -> dict[str, Any]:
        """The reply in one piece."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(part.text for part in said), "refusal": None},
            "logprobs": _logprobs([one for part in said for one in part.chances]) if chances else None,
            "finish_reason": reason,
        }
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage}

    def chunk(self, delta: dict[str, Any], reason: str | None = None, chances: list[TokenChance] | None = None) -> str:
        """One piece of it."""
        logprobs = None if chances is None else _logprobs(chances)
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return sse({**self._head("chat.completion.chunk"), "choices": [choice]})

    def usage_chunk(self, usage: dict[str, int]) -> str:
        """What comes last when ``stream_options.include_usage`` is set."""
        return sse({**self._head("chat.completion.chunk"), "choices": [], "usage": usage})

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": None,
        }


def usage_of(prompt: int, completion: int) -> dict[str, int]:
    """The tokens read and written."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def sse(data: dict[str, Any]) -> str:
    """One server-sent event; JSON holds no line break, so one ``data:`` line is enough."""
    return f"data: {json.dumps(data, ensure_ascii=False, allow_nan=False)}\n\n"


def _logprobs(chances: list[TokenChance]) -> dict[str, Any]:
    entries = [{**_entry(one), "top_logprobs": [_entry(other) for other in one.others]} for one in chances]
    return {"content": entries, "refusal": None}


def _entry(chance: TokenChance) -> dict[str, Any]:
    # OpenAI writes what JSON has no number for, log 0, as -9999.
    return {"token": chance.text, "logprob": max(chance.logprob, -9999.0), "bytes": list(chance.raw)}
