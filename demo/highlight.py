"""The post as HTML, its evidence marked.

Spans may overlap without nesting, which elements cannot, so the post is cut wherever a span begins or ends::

    post      我 什 么 都 做 不 好 ， 永 远 不 会 好
    span 0       [-----------------]
    span 1                [------------------]
    pieces    我|什 么 都|做 不 好|， 永 远 不|会 好
"""

from collections.abc import Callable
from itertools import pairwise

from markupsafe import Markup

from mentalglm.analysis import Evidence

COLOURS = 6
"""How many mark styles the style sheet holds; each differs in colour and in its underline."""


def highlight(text: str, evidence: list[Evidence], called: Callable[[str], str]) -> Markup:
    """``text`` with every span of ``evidence`` in ``<mark>``, and behind each labelled span what its label is called.

    A mark's ``data-spans`` lists the spans it belongs to: the marks of one span, joined, are ``text[start:end]``.
    """
    cuts = sorted({0, len(text), *(e.start for e in evidence), *(e.end for e in evidence)})
    styles = {label: k % COLOURS for k, label in enumerate(dict.fromkeys(e.label for e in evidence))}
    html = Markup()
    for start, end in pairwise(cuts):
        over = [k for k, e in enumerate(evidence) if e.start <= start and end <= e.end]
        html += _piece(text[start:end], over, [styles[evidence[k].label] for k in over])
        for k in over:
            label = evidence[k].label
            if evidence[k].end == end and label is not None:
                html += Markup('<span class="tag c{}">{}</span>').format(styles[label], called(label))
    return html


def _piece(text: str, over: list[int], styles: list[int]) -> Markup:
    if not over:
        return Markup("{}").format(text)
    # Two labels on the same words show as stripes of both; a third is told by its tag alone.
    classes = f"c{styles[0]}"
    other = next((style for style in styles if style != styles[0]), None)
    if other is not None:
        classes += f" both d{other}"
    return Markup('<mark class="{}" data-spans="{}">{}</mark>').format(classes, " ".join(map(str, over)), text)
