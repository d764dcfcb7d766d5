"""What a test needs from the machine. Where it is missing the test skips; in CI it fails, so nothing goes untested."""

import importlib.util
import os
import shutil
from typing import NoReturn

import pytest

from mentalglm.plot_fonts import chinese_font


def need_chromium() -> str:
    """The path of a Chromium that playwright can drive."""
    if importlib.util.find_spec("playwright") is None:
        _missing("Python's playwright is not installed")
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return path
    _missing("no Chromium was found (chromium, chromium-browser or google-chrome)")


def need_chinese_font() -> None:
    """A font in which matplotlib can write Chinese."""
    if chinese_font() is None:
        _missing("no Chinese font was found; install one, e.g. fonts-noto-cjk")


def need_compiler() -> str:
    """The path of g++, with which DeepSpeed builds its operators."""
    path = shutil.which("g++")
    if path is None:
        _missing("no g++ was found")
    return path


def need_bitsandbytes() -> None:
    """bitsandbytes, which quantises on the CPU too."""
    if importlib.util.find_spec("bitsandbytes") is None:
        _missing('bitsandbytes is not installed; pip install "mentalglm[qlora]"')


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; CI must have it", pytrace=False)
    pytest.skip(reason)
