"""The report's curves as inline SVG: reliability, risk against coverage, recall against posts read."""

from collections.abc import Sequence

from eval.reporting.figures import svg, text
from mentalglm.tasks import Bilingual

_SIDE, _LEFT, _TOP, _BOTTOM, _RIGHT = 212, 46, 14, 44, 16
Points = Sequence[tuple[float, float]]


def curve(lines: Sequence[tuple[str, Points]], x: Bilingual, y: Bilingual, *, dots: bool = False) -> str:
    """Curves over the unit square, one colour per run.

    Args:
        lines: Colour and points of each run.
        x: The name of the horizontal axis.
        y: The name of the vertical axis.
        dots: Mark the points, and draw the diagonal on which a calibrated model would lie.
    """

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return _LEFT + _SIDE * point[0], _TOP + _SIDE * (1 - point[1])

    parts = []
    for step in range(5):
        share = step / 4
        across, up = _LEFT + _SIDE * share, _TOP + _SIDE * (1 - share)
        parts.append(f'<line x1="{across:.1f}" x2="{across:.1f}" y1="{_TOP}" y2="{_TOP + _SIDE}" class="grid"/>')
        parts.append(f'<line x1="{_LEFT}" x2="{_LEFT + _SIDE}" y1="{up:.1f}" y2="{up:.1f}" class="grid"/>')
        if step % 2 == 0:
            parts.append(text(across, _TOP + _SIDE + 17, _number(share), "muted", "middle"))
            parts.append(text(_LEFT - 7, up + 4.5, _number(share), "muted", "end"))
    if dots:
        (x1, y1), (x2, y2) = place((0, 0)), place((1, 1))
        parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="diagonal"/>')
    for colour, points in lines:
        places = [place(point) for point in points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        parts.append(f'<polyline points="{path}" style="fill:none;stroke:{colour};stroke-width:2;opacity:.85"/>')
        if dots:
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.4" style="fill:{colour}"/>' for a, b in places]
    parts.append(text(_LEFT + _SIDE / 2, _TOP + _SIDE + 37, x, "muted", "middle"))
    middle = _TOP + _SIDE / 2
    parts.append(text(12, middle, y, "muted", "middle", f' transform="rotate(-90 12 {middle})"'))
    return svg(_LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BOTTOM, parts, fluid=False)


def _number(value: float) -> Bilingual:
    shown = f"{value:.2g}"
    return Bilingual(zh=shown, en=shown)
