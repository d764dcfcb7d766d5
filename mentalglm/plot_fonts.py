"""A font for pictures that hold Chinese: one that is installed here and has the characters."""

from contextlib import suppress
from functools import cache

# Sans-serif fonts made for Simplified Chinese come first, then whatever has the characters.
_PREFERRED = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Noto Sans CJK JP",
)
# It has a glyph for every character, all of them boxes.
_NO_REAL_FONT = "Last Resort"
_COMMON = "中文标注风险"
# From here on: ideographs, and punctuation as wide as one.
_FIRST = "\u2e80"


@cache
def chinese_font(text: str = _COMMON) -> str | None:
    """Finds an installed font with every Chinese character of a text.

    Args:
        text: What will be written; other characters than Chinese ones don't count.

    Returns:
        Its name as matplotlib knows it, or None where no font has them all.
    """
    wanted = {ord(character) for character in text if is_chinese(character)} or {
        ord(character) for character in _COMMON
    }
    found = _find(wanted)
    if found is None:
        _add_new_fonts()
        found = _find(wanted)
    return found


def is_chinese(text: str) -> bool:
    """Whether a text has a character that only a Chinese font has."""
    return any(character >= _FIRST for character in text)


def _find(wanted: set[int]) -> str | None:
    from matplotlib.font_manager import fontManager

    order = {name: place for place, name in enumerate(_PREFERRED)}
    upright = {font.name: font.fname for font in fontManager.ttflist if font.style == "normal"}
    # Sans-serif before serif, proportional before monospaced; by name, so that every start finds the same one.
    for name in sorted(upright, key=lambda name: (order.get(name, len(order)), "Serif" in name, "Mono" in name, name)):
        if not name.startswith(_NO_REAL_FONT) and _has(upright[name], wanted):
            return name
    return None


def _add_new_fonts() -> None:
    """Tells matplotlib of fonts that were installed since it made its list."""
    from matplotlib import font_manager

    known = {font.fname for font in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        with suppress(OSError, RuntimeError):
            font_manager.fontManager.addfont(path)


def _has(path: str, wanted: set[int]) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):  # removed since the list was made, or unreadable
        return False
    return all(font.get_char_index(code) for code in wanted)
