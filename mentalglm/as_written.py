"""From a function that is told of each piece of an answer to an iterator over the pieces."""

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from mentalglm.analysis import Analysis


class _NobodyReads(Exception):
    """Ends the work when the iterator was given up."""


def as_written(work: Callable[[Callable[[str], None]], Analysis]) -> Iterator[str | Analysis]:
    """Runs ``work`` in a thread.

    Args:
        work: Takes a function to call with the whole text so far, and returns the analysis.

    Yields:
        What each text adds to the one before, then the analysis.
    """
    told: SimpleQueue[str | Analysis | BaseException] = SimpleQueue()
    given_up = threading.Event()

    def watch(text: str) -> None:
        if given_up.is_set():
            raise _NobodyReads
        told.put(text)

    def run() -> None:
        try:
            told.put(work(watch))
        except BaseException as error:
            told.put(error)

    threading.Thread(target=run, name="mentalglm-stream", daemon=True).start()
    shown = ""
    try:
        while True:
            item = told.get()
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, Analysis):
                yield item
                return
            # A request that was sent again begins anew: what has been shown is not shown twice.
            if item.startswith(shown) and item != shown:
                yield item[len(shown) :]
                shown = item
    finally:
        given_up.set()
