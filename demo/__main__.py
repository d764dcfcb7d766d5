"""``python -m demo``: serves the page on this computer."""

import argparse
import importlib.util
from collections.abc import Sequence

from mentalglm.errors import UserError, exit_on_user_error


def main(argv: Sequence[str] | None = None) -> None:
    """Reads the command line and serves the page until interrupted.

    Raises:
        SystemExit: With 2, when the request was wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m demo", description="A page in the browser over mentalglm.")
    parser.add_argument("--model", help="a model's folder or name; the embedded model without it")
    parser.add_argument("--port", type=int, help="the port on 127.0.0.1; the first free one from 7860 without it")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh", help="the language the page opens in")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 …")
    parser.add_argument("--quantization", help="int8 on cpu; int8 or int4 on cuda")
    parser.add_argument(
        "--abstain", action="store_true", help="make no decision where the calibrated error rate allows none"
    )
    chosen = parser.parse_args(argv)
    with exit_on_user_error():
        if importlib.util.find_spec("gradio") is None:
            raise UserError('the demo needs gradio, which is not installed; run pip install "mentalglm[demo]"')
        from .app import serve

        given = {"device": chosen.device, "quantization": chosen.quantization, "abstain": chosen.abstain}
        serve(chosen.model, chosen.port, chosen.lang, **given)


if __name__ == "__main__":
    main()
