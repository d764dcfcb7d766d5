"""Serves the page on this computer, and keeps Gradio from telling or keeping anything."""

import os
import sys
from pathlib import Path

import gradio as gr

from mentalglm.analyzer import Analyzer
from mentalglm.errors import UserError
from mentalglm.hotlines import load_hotlines

from .page import SET_LANGUAGE, build_page
from .strings import Lang

_HOST = "127.0.0.1"
_HERE = Path(__file__).parent
_SYSTEM_FONTS = ["system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "sans-serif"]


def serve(
    model: str | None = None,
    port: int | None = None,
    lang: Lang = "zh",
    *,
    device: str | None = None,
    quantization: str | None = None,
    abstain: bool = False,
) -> None:
    """Serves the page on the loopback address until interrupted.

    Args:
        model: A folder or a model's name; None for the embedded model.
        port: The port; None for the first free one from 7860.
        lang: The language the page opens in.
        device: Such as ``cpu`` or ``cuda``.
        quantization: ``int8`` on CPU; ``int8`` or ``int4`` on CUDA.
        abstain: Hold back decisions that are too uncertain for the error rate the model was calibrated for.

    Raises:
        UserError: The model cannot be loaded, or the port is taken.
    """
    load_hotlines()  # A site's own file with a mistake in it must fail now, not under the first grave result.
    analyzer = Analyzer.load(model, device=device, quantization=quantization, abstain=abstain)
    if abstain:
        analyzer.check_tasks(["all"])  # a model that was not calibrated to abstain is refused now
    page = build_page(analyzer, lang)
    page.queue(api_open=False)
    _bypass_proxy()
    try:
        page.launch(
            server_name=_HOST,
            server_port=port,
            theme=_theme(),
            css_paths=[_HERE / "style.css"],
            favicon_path=_HERE / "favicon.svg",
            head=f"<script>({SET_LANGUAGE})('{lang}')</script>",
            footer_links=[],
            # Gradio would keep every run in the browser's database, and in memory the last words of 10,000 visits.
            run_history=False,
            state_session_capacity=1,
            share=False,
            mcp_server=False,
            ssr_mode=False,
            enable_monitoring=False,
            show_error=False,
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError:
        raise UserError(f"port {port or '7860 to 7959'}: already in use; choose another with --port") from None
    print(f"mentalglm demo: http://{_HOST}:{page.server_port} (Ctrl+C ends it)", file=sys.stderr, flush=True)
    page.block_thread()


def _theme() -> gr.Theme:
    """Gradio's plain theme in our colours, with fonts the reader's system already has."""
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        font=_SYSTEM_FONTS,
        font_mono=["ui-monospace", "monospace"],
        radius_size="lg",
    ).set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        button_secondary_background_fill="white",
        button_secondary_border_color="*neutral_300",
        button_border_width="1px",
        checkbox_background_color_selected="*primary_700",
        checkbox_background_color_selected_dark="*primary_600",
        checkbox_border_color_selected="*primary_700",
        checkbox_label_background_fill="*neutral_50",
        checkbox_label_background_fill_selected="*primary_50",
        input_background_fill="white",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_title_text_weight="600",
    )


def _bypass_proxy() -> None:
    """Gradio asks itself over HTTP whether it is up; a system-wide proxy must not stand in between."""
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), _HOST]))
