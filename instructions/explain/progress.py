"""How far a run is, what it costs and when it will be done: one line on stderr."""

import sys
import time

from mentalglm.endpoint import Traffic


class Progress:
    """Counts rows as they end; on a terminal its line is renewed every second, elsewhere a line comes every minute.

    Args:
        total: The rows to be settled.
        traffic: Of every endpoint asked.
        prices: What a million tokens read and written costs, or None.
    """

    def __init__(self, total: int, traffic: list[Traffic], prices: tuple[float, float] | None) -> None:
        self.total, self.traffic, self.prices = total, traffic, prices
        self.good = self.bad = 0
        self._began = self._shown = time.monotonic()

    def count(self, good: bool) -> None:
        """One row has ended."""
        self.good, self.bad = self.good + good, self.bad + (not good)
        terminal = sys.stderr.isatty()
        now = time.monotonic()
        if now - self._shown >= (1 if terminal else 60):
            self._shown = now
            print(self.line(), end="\r" if terminal else "\n", file=sys.stderr, flush=True)

    def line(self) -> str:
        """Rows, requests, speed, cost, time left."""
        done = self.good + self.bad
        spent = time.monotonic() - self._began
        left = (self.total - done) * spent / done if done else None
        requests = sum(one.requests for one in self.traffic)
        read = sum(one.prompt_tokens for one in self.traffic)
        written = sum(one.completion_tokens for one in self.traffic)
        parts = [
            f"{done:,}/{self.total:,} rows: {self.good:,} taken, {self.bad:,} not",
            f"{requests:,} requests",
            f"{read:,} tokens read, {written:,} written, {written / max(spent, 1e-9):,.0f}/s",
        ]
        price = cost(read, written, self.prices)
        parts += [f"cost {price:.2f}"] if price is not None else []
        if done < self.total:
            parts.append("time left " + (_clock(left) if left is not None else "?"))
        else:
            parts.append(f"took {_clock(spent)}")
        return " · ".join(parts)

    def last_line(self) -> None:
        """The line of a run that is over."""
        clear = "\x1b[K" if sys.stderr.isatty() else ""
        print(clear + self.line(), file=sys.stderr, flush=True)


def cost(read: int, written: int, prices: tuple[float, float] | None) -> float | None:
    """What the tokens cost at ``prices`` per million; None without prices."""
    return None if prices is None else (read * prices[0] + written * prices[1]) / 1e6


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
