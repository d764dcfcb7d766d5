"""Whom a person in distress can call, and the two texts that stand under every result: crisis notice and disclaimer."""

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from mentalglm.errors import UserError
from mentalglm.tasks import Bilingual, Crisis
from mentalglm.yaml_files import first_problem

Language = Literal["zh", "en"]

SITE_FILE = "MENTALGLM_HOTLINES"
_SHIPPED = Path(__file__).with_name("hotlines.yaml")

_NOW = {
    "zh": "如果您自己或您牵挂的人此刻可能有危险，请先拨打{emergency}，尽量不要让这个人独自待着。",
    "en": "If you, or someone you are worried about, may be in danger right now, please call {emergency} first, and "
    "try to see that this person is not left alone.",
}
_TALK_TOO = {
    "zh": "也可以拨打{helplines}，那里有人愿意听。再难的时刻，也不必一个人扛。",
    "en": "You can also call {helplines}; someone there will listen. No one has to get through this alone.",
}
_TALK = {
    "zh": "这些文字里可能有很沉重的感受。愿意的话，可以拨打{helplines}，和那里的人说一说，或者请一位信任的人陪一陪。",
    "en": "There may be very heavy feelings in these words. You are welcome to call {helplines} and talk, or to ask "
    "someone you trust to be with you.",
}
_DISCLAIMER = {
    "zh": "这是研究工具，分析内容由语言模型生成，可能有错漏；它不是诊断，也不能代替专业人员的判断。"
    "未见风险表述，不等于没有风险。",
    "en": "This is a research tool. What it says is language-model output and may be wrong or incomplete; it is not a "
    "diagnosis and does not replace a professional's judgement. No words of risk found is not the same as no risk.",
}


@dataclass(frozen=True)
class Hotline:
    """One number to call.

    Attributes:
        number: The number, as it is dialled.
        name: What it is called.
        hours: When it answers.
        region: Where it can be reached.
        audience: Whom it is for.
        source: Where these facts come from.
        checked: The day they were last compared with the source.
        emergency: Whether it comes first when something may be happening now.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    number: str
    name: Bilingual
    hours: Bilingual
    region: Bilingual
    audience: Bilingual
    source: str
    checked: date
    emergency: bool = False


def load_hotlines(path: Path | None = None) -> list[Hotline]:
    """The hotlines of ``path``, else of the site's file (``MENTALGLM_HOTLINES``), else those of the package.

    Raises:
        UserError: The file cannot be read, is not YAML, breaks the form, or lacks either an emergency number or a
            helpline; the message names file and key.
    """
    path = path or Path(os.environ.get(SITE_FILE) or _SHIPPED)
    try:
        hotlines = TypeAdapter(list[Hotline]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check {SITE_FILE}", code="missing_file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {str(error).splitlines()[-1].strip()}") from None
    except ValidationError as error:
        raise UserError(f"{path}: {first_problem(error)}") from None
    if len({hotline.emergency for hotline in hotlines}) < 2:
        raise UserError(f"{path}: emergency: true must stand on at least one number and be left out of another")
    return hotlines


def crisis_notice(crisis: Crisis | None, lang: Language) -> str | None:
    """What to show under a result of this gravity; None where there is nothing to show.

    With ``urgent`` the emergency numbers come first, with ``wish`` the helplines do.
    """
    if crisis not in ("urgent", "wish"):
        return None
    hotlines = load_hotlines()
    emergency = _listed([h for h in hotlines if h.emergency], lang)
    helplines = _listed([h for h in hotlines if not h.emergency], lang)
    sentences = [_NOW[lang], _TALK_TOO[lang]] if crisis == "urgent" else [_TALK[lang], _NOW[lang]]
    return ("" if lang == "zh" else " ").join(sentences).format(emergency=emergency, helplines=helplines)


def disclaimer(lang: Language) -> str:
    """What every surface says: a research tool, language-model output, not a diagnosis."""
    return _DISCLAIMER[lang]


def _listed(hotlines: list[Hotline], lang: Language) -> str:
    if lang == "zh":
        return "或".join(f" {h.number}（{h.name.zh}，{h.region.zh}，{h.hours.zh}）" for h in hotlines)
    return " or ".join(f"{h.number} ({h.name.en}, {h.region.en}, {h.hours.en})" for h in hotlines)
