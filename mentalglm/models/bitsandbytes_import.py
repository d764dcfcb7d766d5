"""Imports bitsandbytes, as PEFT does by itself where it is installed, but without what it might fetch."""

import importlib.util
import logging
import sys


def import_bitsandbytes() -> None:
    """Imports it if it is installed and is not imported yet; call it before ``import peft``.

    On some processors bitsandbytes fetches compiled code from the hub through the package ``kernels`` where that is
    installed. Nothing here runs code from the network: for the length of the import that package is not there, and the
    advice to install it is not printed.
    """
    if "bitsandbytes" in sys.modules or importlib.util.find_spec("bitsandbytes") is None:
        return
    kernels, log = sys.modules.get("kernels"), logging.getLogger("bitsandbytes")
    try:
        sys.modules["kernels"] = None  # type: ignore[assignment]
        log.setLevel(logging.ERROR)
        import bitsandbytes  # type: ignore[import-untyped, import-not-found]  # noqa: F401
    finally:
        log.setLevel(logging.NOTSET)
        del sys.modules["kernels"]
        if kernels is not None:
            sys.modules["kernels"] = kernels
