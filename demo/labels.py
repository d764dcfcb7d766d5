"""How a label is called on the page."""

from mentalglm.tasks import Task

from .strings import Lang


def wording(task: Task, name: str, lang: Lang) -> str:
    """What people read for a label: its display wording, or its name where that needs none."""
    display = task.label(name).display
    return getattr(display, lang) if display is not None else plain(name)


def short(task: Task, name: str, lang: Lang) -> str:
    """A label where room is scarce: single labels word their display as a sentence, so there the name must do."""
    return wording(task, name, lang) if task.many else plain(name)


def plain(name: str) -> str:
    """``parent##child`` as it is written for people."""
    return name.replace("##", "：")
