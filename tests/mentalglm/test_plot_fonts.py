"""A font for Chinese pictures: one that has the characters, never the one that has boxes for all of them."""

from collections.abc import Iterator

import pytest
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font

from mentalglm.plot_fonts import chinese_font, is_chinese
from tests.needs import need_chinese_font


def test_the_font_found_has_the_characters() -> None:
    need_chinese_font()
    text = "高自杀风险·abc，罪责归己/他"
    name = chinese_font(text)
    assert name and "Last Resort" not in name
    font = FT2Font(findfont(FontProperties(family=name), fallback_to_default=False))
    assert all(font.get_char_index(ord(letter)) for letter in text if is_chinese(letter))


def test_no_font_is_better_than_boxes() -> None:
    assert chinese_font("中\U0010fffd") is None  # a private character, which Last Resort draws as a box


@pytest.fixture
def latin_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A list of fonts made before any Chinese one was installed."""
    latin = [font for font in fontManager.ttflist if font.name.startswith(("DejaVu", "Last Resort"))]
    monkeypatch.setattr(fontManager, "ttflist", latin)
    chinese_font.cache_clear()
    yield
    chinese_font.cache_clear()


def test_without_fonts_there_is_none(latin_only: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: [])
    assert fontManager.ttflist and chinese_font() is None


def test_a_font_installed_since_is_found(latin_only: None) -> None:
    need_chinese_font()
    chinese_font.cache_clear()
    assert chinese_font() is not None


def test_what_only_a_chinese_font_has() -> None:
    assert is_chinese("abc，") and is_chinese("中")
    assert not is_chinese("F1 – κ ↑ “x” ≥") and not is_chinese("")
