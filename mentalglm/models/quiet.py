"""Keeps the libraries' progress bars and reports off stderr while a model is read or written."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """What matters of what they say becomes a UserError."""
    from transformers.utils import logging as reports

    hub = logging.getLogger("huggingface_hub")
    level, verbosity, bars = hub.level, reports.get_verbosity(), reports.is_progress_bar_enabled()
    hub.setLevel(logging.ERROR)
    reports.set_verbosity_error()
    reports.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # what PEFT and transformers have to tell each other
            yield
    finally:
        hub.setLevel(level)
        reports.set_verbosity(verbosity)
        if bars:
            reports.enable_progress_bar()
