"""What the server counts, in the text that Prometheus reads. Labels are paths, tasks and numbers; never a post."""

import threading
from collections import defaultdict
from collections.abc import Callable

_HELP = {
    "mentalglm_requests_total": ("counter", "Requests answered."),
    "mentalglm_request_seconds": ("histogram", "Seconds from the head of a request to the end of its response."),
    "mentalglm_analyses_total": ("counter", "Posts analysed, once per task."),
    "mentalglm_batch_posts": ("histogram", "Posts read in one batch."),
    "mentalglm_chat_tokens_total": ("counter", "Tokens of chats: read (prompt) and written (completion)."),
    "mentalglm_failures_total": ("counter", "Batches that failed in the model."),
    "mentalglm_in_hand": ("gauge", "Answers accepted and not yet given."),
    "mentalglm_chats": ("gauge", "Chats being written now."),
}
_BOUNDS = {
    "mentalglm_request_seconds": (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
    "mentalglm_batch_posts": (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0),
}

_Key = tuple[str, tuple[tuple[str, str], ...]]


class Metrics:
    """Counts from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: defaultdict[_Key, float] = defaultdict(float)
        self._gauges: dict[str, Callable[[], float]] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Adds to a counter."""
        with self._lock:
            self._counts[_key(name, labels)] += amount

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Puts a value into a histogram."""
        with self._lock:
            for bound in _BOUNDS[name]:
                self._counts[_key(f"{name}_bucket", {**labels, "le": f"{bound:g}"})] += value <= bound
            self._counts[_key(f"{name}_bucket", {**labels, "le": "+Inf"})] += 1
            self._counts[_key(f"{name}_sum", labels)] += value
            self._counts[_key(f"{name}_count", labels)] += 1

    def watch(self, name: str, value: Callable[[], float]) -> None:
        """Names a gauge, which is read when it is asked for."""
        self._gauges[name] = value

    def text(self) -> str:
        """Everything, in Prometheus' text format 0.0.4."""
        with self._lock:
            counts = dict(self._counts)
        counts |= {_key(name, {}): value() for name, value in self._gauges.items()}
        lines = []
        for name, (kind, what) in _HELP.items():
            lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
            family = (name, f"{name}_bucket", f"{name}_sum", f"{name}_count") if kind == "histogram" else (name,)
            lines += [_line(key, value) for key, value in counts.items() if key[0] in family]
        return "\n".join(lines) + "\n"


def _key(name: str, labels: dict[str, str]) -> _Key:
    return name, tuple(labels.items())


def _line(key: _Key, value: float) -> str:
    name, labels = key
    shown = ",".join(f'{label}="{text}"' for label, text in labels)
    return f"{name}{{{shown}}} {value:.10g}" if shown else f"{name} {value:.10g}"
