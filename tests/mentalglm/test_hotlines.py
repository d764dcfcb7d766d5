"""The crisis notice names the right number first, in both languages, and a site's own file is checked before use."""

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

import mentalglm.hotlines as hotlines
from mentalglm.errors import UserError
from mentalglm.hotlines import Language, crisis_notice, disclaimer, load_hotlines

SHIPPED = Path(hotlines.__file__).with_name("hotlines.yaml")
LANGUAGES: list[Language] = ["zh", "en"]


@pytest.fixture(autouse=True)
def _no_site_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MENTALGLM_HOTLINES", raising=False)


def test_the_shipped_numbers() -> None:
    assert [(hotline.number, hotline.emergency) for hotline in load_hotlines()] == [
        ("120", True),
        ("110", True),
        ("12356", False),
    ]
    for hotline in load_hotlines():
        assert hotline.source and isinstance(hotline.checked, date)
        with pytest.raises(dataclasses.FrozenInstanceError):
            hotline.number = "1"  # type: ignore[misc]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_emergency_numbers_come_first_when_urgent(lang: Language) -> None:
    notice = crisis_notice("urgent", lang)
    assert notice and notice.index("120") < notice.index("110") < notice.index("12356")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_helpline_comes_first_for_a_wish_and_the_emergency_numbers_still_stand(lang: Language) -> None:
    notice = crisis_notice("wish", lang)
    assert notice and notice.index("12356") < notice.index("120") < notice.index("110")


def test_hours_and_region_are_said_in_the_reader_s_language() -> None:
    zh, en = crisis_notice("wish", "zh"), crisis_notice("wish", "en")
    assert zh and "每天至少 18 小时" in zh and "中国大陆" in zh
    assert en and "at least 18 hours a day" in en and "mainland China" in en
    assert en.isascii()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("crisis", ["none", None])
def test_nothing_is_shown_without_a_crisis_value(crisis: Any, lang: Language) -> None:
    assert crisis_notice(crisis, lang) is None


@pytest.mark.parametrize("crisis", ["urgent", "wish"])
def test_a_notice_neither_diagnoses_nor_leaves_a_gap(crisis: Any) -> None:
    for lang, words in {"zh": ("诊断", "患有", "抑郁症"), "en": ("diagnos", "disorder", "depress")}.items():
        notice = crisis_notice(crisis, lang)  # type: ignore[arg-type]
        assert notice and "{" not in notice
        assert not any(word in notice for word in words)


def test_the_disclaimer_says_what_this_is() -> None:
    assert all(words in disclaimer("zh") for words in ("研究工具", "语言模型", "不是诊断", "不等于没有风险"))
    assert all(words in disclaimer("en") for words in ("research tool", "language-model output", "not a diagnosis"))


def test_a_site_s_file_replaces_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = _shipped_data()
    data[2] |= {"number": "000-111", "name": {"zh": "本院热线", "en": "our hospital's line"}}
    monkeypatch.setenv("MENTALGLM_HOTLINES", str(_write(tmp_path, data)))
    notice = crisis_notice("wish", "zh")
    assert notice and "000-111（本院热线" in notice and "12356" not in notice


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, ("0.colour", "red")),
        ({"checked": "last week"}, ("0.checked", "last week")),
        ({"number": 120}, ("0.number", "120")),
        ({"name": {"zh": "急救"}}, ("0.name.en: missing",)),
    ],
)
def test_a_site_s_mistake_is_named_with_file_and_key(
    tmp_path: Path, change: dict[str, Any], message: tuple[str, ...]
) -> None:
    data = _shipped_data()
    data[0] |= change
    error = _refusal(_write(tmp_path, data))
    assert "site.yaml" in error and "\n" not in error
    for part in message:
        assert part in error


@pytest.mark.parametrize("kept", [slice(0, 2), slice(2, 3), slice(0, 0)])
def test_a_file_needs_an_emergency_number_and_a_helpline(tmp_path: Path, kept: slice) -> None:
    assert "site.yaml: emergency:" in _refusal(_write(tmp_path, _shipped_data()[kept]))


def test_an_absent_or_broken_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTALGLM_HOTLINES", str(tmp_path / "absent.yaml"))
    with pytest.raises(UserError, match=r"absent\.yaml: cannot be read.*MENTALGLM_HOTLINES"):
        crisis_notice("urgent", "zh")
    broken = tmp_path / "broken.yaml"
    broken.write_text("- number: [", encoding="utf-8")
    assert "broken.yaml: not valid YAML" in _refusal(broken)
    broken.write_bytes("- number: 急救".encode("gb18030"))
    assert "broken.yaml: not valid YAML" in _refusal(broken)
    broken.write_text("", encoding="utf-8")
    assert "broken.yaml: the whole file" in _refusal(broken)


def _shipped_data() -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    return data


def _write(folder: Path, data: list[dict[str, Any]]) -> Path:
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return path


def _refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_hotlines(path)
    return str(caught.value)
