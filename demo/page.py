"""The page: what stands on it and what its buttons do."""

import json
import sys
import traceback
from collections.abc import Callable, Iterator

import gradio as gr
from markupsafe import Markup

from mentalglm.analyzer import Analyzer
from mentalglm.errors import UserError
from mentalglm.tasks import load_task, task_names

from .examples import EXAMPLES
from .render import render_error, render_results, render_standing_notice
from .strings import STRINGS, Lang

MAX_CHARACTERS = 5000
"""Longer posts are refused here, where somebody waits in front of the page; the command reads them."""

_TITLE = Markup(
    '<h1><span lang="zh-CN">心理文本分析</span>'
    '<span class="sub" lang="en">Explainable mental-health text analysis · mentalglm</span></h1>'
)
# Runs in the browser: both languages stand in the page, and the root element says which one shows.
SET_LANGUAGE = """(lang) => {
    document.documentElement.dataset.lang = lang;
    document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
    return lang;
}"""


def build_page(analyzer: Analyzer, lang: Lang) -> gr.Blocks:
    """The page over ``analyzer``, opening in ``lang``."""
    words = STRINGS[lang]
    offered = _offered(analyzer)
    with gr.Blocks(title="心理文本分析 · mentalglm", analytics_enabled=False) as page:
        with gr.Row(elem_classes="top"):
            gr.HTML(_TITLE, apply_default_css=False)
            switch = gr.Radio(
                [("中文", "zh"), ("English", "en")],
                value=lang,
                label=words.switch,
                container=False,
                elem_classes="switch",
                min_width=120,
            )
        gr.HTML(_both(render_standing_notice), apply_default_css=False)
        post = gr.Textbox(
            label=words.post, placeholder=words.post_hint, lines=5, max_lines=16, elem_id="post", autofocus=True
        )
        with gr.Row(elem_classes="examples"):
            gr.HTML(_both(lambda each: Markup(STRINGS[each].examples)), apply_default_css=False)
            examples = [gr.Button(getattr(e.title, lang), size="sm", min_width=0, scale=0) for e in EXAMPLES]
        tasks = gr.CheckboxGroup(
            _choices(offered, lang),
            # A model that says what it was taught is asked all of it; a foreign one is slow and waits to be told.
            value=offered if analyzer.tasks else [],
            label=words.tasks,
            info=words.tasks_hint,
            elem_id="tasks",
        )
        button = gr.Button(words.analyse, variant="primary", elem_id="analyse")
        results = gr.HTML(_region(Markup()), elem_id="results", apply_default_css=False)

        for example, shown in zip(EXAMPLES, examples, strict=True):
            # Filled in by the browser itself; a gr.Examples would send each click through the server.
            shown.click(None, outputs=post, js=f"() => {json.dumps(example.post)}")
        gr.on(
            [button.click, post.submit],
            _analyse_with(analyzer),
            inputs=[post, tasks],
            outputs=results,
            api_visibility="private",
            scroll_to_output=True,
            show_progress="hidden",
        )
        switch.change(
            lambda lang: _relabel(offered, lang),
            inputs=switch,
            outputs=[switch, post, tasks, button, *examples],
            js=SET_LANGUAGE,
            api_visibility="private",
            show_progress="hidden",
        )
    return page


def _analyse_with(analyzer: Analyzer) -> Callable[[str, list[str]], Iterator[str]]:
    def analyse(post: str, tasks: list[str]) -> Iterator[str]:
        yield _region(_both(lambda lang: Markup('<p class="working">{}</p>').format(STRINGS[lang].analysing)))
        yield _region(answer(analyzer, post, tasks))

    return analyse


def answer(analyzer: Analyzer, post: str, tasks: list[str]) -> Markup:
    """The results for ``post``, or one line that says why there are none."""
    if not post.strip():
        return _both(lambda lang: render_error(STRINGS[lang].empty))
    if len(post) > MAX_CHARACTERS:
        return _both(lambda lang: render_error(STRINGS[lang].too_long.format(length=len(post), limit=MAX_CHARACTERS)))
    if not tasks:
        return _both(lambda lang: render_error(STRINGS[lang].no_task))
    try:
        results = analyzer.analyze([post], task=[name for name in _offered(analyzer) if name in tasks])
        return _both(lambda lang: render_results(results, lang))
    except UserError as error:
        line = render_error(str(error))
        return _both(lambda _: line)
    except Exception as error:
        # Left alone, Gradio would print it, and its message could hold the post: say only what broke and where.
        where = traceback.extract_tb(error.__traceback__)[-1]
        print(f"error: {type(error).__name__} at {where.filename}:{where.lineno}", file=sys.stderr, flush=True)
        return _both(lambda lang: render_error(STRINGS[lang].failed))


def _both(render: Callable[[Lang], Markup]) -> Markup:
    """What ``render`` says in both languages; the style sheet shows one, so switching asks the server nothing."""
    pair = Markup('<div class="in-zh" lang="zh-CN">{}</div><div class="in-en" lang="en">{}</div>')
    return pair.format(render("zh"), render("en"))


def _region(content: Markup) -> str:
    """The place that screen readers watch for results."""
    return str(Markup('<div class="results" aria-live="polite">{}</div>').format(content))


def _relabel(offered: list[str], lang: Lang) -> list[object]:
    words = STRINGS[lang]
    return [
        gr.Radio(label=words.switch),
        gr.Textbox(label=words.post, placeholder=words.post_hint),
        gr.CheckboxGroup(_choices(offered, lang), label=words.tasks, info=words.tasks_hint),
        gr.Button(words.analyse),
        *(gr.Button(getattr(e.title, lang)) for e in EXAMPLES),
    ]


def _offered(analyzer: Analyzer) -> list[str]:
    """The tasks about a post that the model was taught, or all there are where the model does not say."""
    return [name for name in analyzer.tasks or task_names() if load_task(name).input == "post"]


def _choices(offered: list[str], lang: Lang) -> list[tuple[str, str]]:
    return [(getattr(load_task(name).title, lang), name) for name in offered]
