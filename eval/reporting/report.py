"""One offline HTML file that shows runs side by side, task by task; page/ holds the page itself."""

from datetime import date
from pathlib import Path

from eval.reporting.comparison import Comparison, compare_all
from eval.reporting.paper import Paper, paper_of
from eval.reporting.quotes import refuse_quotes, refuse_third_party_posts
from eval.reporting.runs import Run, read_runs
from eval.reporting.sections import Section, overview_of, section
from eval.reporting.wording import metric_name
from mentalglm.errors import UserError
from mentalglm.tasks import load_task

_PAGE = Path(__file__).parent / "page"


def write_report(
    folders: list[Path],
    out: Path,
    *,
    show_posts: bool = False,
    for_paper: bool = False,
    tables: Path | None = None,
    lang: str = "en",
) -> Path:
    """Writes the report of several runs, grouped by task.

    Args:
        folders: The runs.
        out: The HTML file.
        show_posts: Show kept posts of any licence among the examples of errors, not only openly licensed ones.
        for_paper: Add a data statement, a section on annotators and a reproducibility checklist; quote no post that is
            not openly licensed.
        tables: A folder for the tables as Markdown, LaTeX and CSV, and for ``figures/`` as PDF and PNG.
        lang: The tables' and figures' language, ``en`` or ``zh``; the HTML file holds both.

    Returns:
        The HTML file.

    Raises:
        UserError: The language is neither, a folder is not a run's or has no answers, a file cannot be written, or a
            paper would quote posts that are not openly licensed.
    """
    from eval.reporting.figure_files import FIGURES, write_figures
    from eval.reporting.paper_tables import tables_of
    from eval.reporting.table_files import write_tables

    if lang not in ("en", "zh"):
        raise UserError(f"--lang {lang}: tables are written in en or zh")
    runs = read_runs(folders)
    if for_paper and show_posts:
        refuse_third_party_posts(runs)
    comparison = compare_all(folders, runs) if len(folders) > 1 else None
    sections = [
        section(load_task(name), [run[name] for run in runs if name in run], comparison, show_posts)
        for name in dict.fromkeys(name for run in runs for name in run)
    ]
    paper = paper_of(sections, comparison) if for_paper else None
    html = _render(runs, sections, comparison, paper)
    if for_paper:
        refuse_quotes(html, runs)
    if tables is not None:
        write_tables(tables_of(sections), paper, tables, lang)
        write_figures(sections, tables / FIGURES, lang)
    return _write(out, html)


def _render(
    runs: list[dict[str, Run]], sections: list[Section], comparison: Comparison | None, paper: Paper | None
) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    page = Environment(loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page.globals["metric_name"] = metric_name
    return page.get_template("report.html.j2").render(
        overview=overview_of(runs, sections),
        sections=sections,
        comparison=comparison,
        paper=paper,
        today=date.today().isoformat(),
        style=(_PAGE / "report.css").read_text(encoding="utf-8"),
    )


def _write(out: Path, html: str) -> Path:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror}); name another file with --out") from None
    return out
