"""Writes an Excel workbook of text cells as a stream: any number of rows in constant memory.

Every cell is an inline string in the text format, so that nothing becomes a formula, a date or a rounded number; the
parts are those that ECMA-376 (Office Open XML) asks of the smallest workbook.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile

MOST_ROWS = 1_048_576  # of a sheet, its head included; what is more goes on in a further sheet
MOST_CHARACTERS = 32_767  # of a cell, in UTF-16 units; Excel calls a file with more damaged
_CUT = "…（表格单元格最多 32767 字符，其余略去 / cut at 32,767 characters）"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # by XML 1.0
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")  # Excel would read _x0041_ as A
_WIDE = {"text", "evidence", "explanation", "display"}
_HEAD, _BODY = 1, 2  # places in cellXfs of _STYLES

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyAlignment="1">'
    '<alignment vertical="top" wrapText="1"/></xf></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


def write_workbook(path: Path, title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a workbook.

    Args:
        path: Where to.
        title: The name of the sheet; further sheets are numbered.
        head: The columns' names, which stay in view above the rows of every sheet.
        rows: The cells under them.
    """
    remaining, sheets = iter(rows), 0
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=6) as book:
        while (first := next(remaining, None)) is not None or sheets == 0:
            sheets += 1
            body = chain([] if first is None else [first], islice(remaining, MOST_ROWS - 2))
            with (
                book.open(f"xl/worksheets/sheet{sheets}.xml", "w", force_zip64=True) as part,
                TextIOWrapper(part, encoding="utf-8", newline="\n") as file,
            ):
                file.writelines(_sheet(head, body))
        names = [title if number == 1 else f"{title} {number}" for number in range(1, sheets + 1)]
        for name, content in _frame(names).items():
            book.writestr(name, _XML + content)


def _sheet(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    widths = "".join(
        f'<col min="{number}" max="{number}" width="{48 if name in _WIDE else 16}" customWidth="1"/>'
        for number, name in enumerate(head, 1)
    )
    letters = [_letters(number) for number in range(len(head))]
    yield (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f"<cols>{widths}</cols><sheetData>\n"
    )
    yield _row(1, letters, head, _HEAD)
    for number, cells in enumerate(rows, 2):
        yield _row(number, letters, cells, _BODY)
    yield "</sheetData></worksheet>"


def _row(number: int, letters: Sequence[str], cells: Sequence[str], style: int) -> str:
    parts = [
        f'<c r="{letter}{number}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{_content(text)}</t></is></c>'
        for letter, text in zip(letters, cells, strict=True)
        if text
    ]
    return f'<row r="{number}">{"".join(parts)}</row>\n'


def _content(text: str) -> str:
    if len(text) * 2 > MOST_CHARACTERS:  # each character is one or two UTF-16 units
        text = _fitting(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # XML has no carriage returns
    return escape(_ESCAPE.sub("_x005F_", _FORBIDDEN.sub("\ufffd", text)))


def _fitting(text: str) -> str:
    units = text.encode("utf-16-le", "replace")
    if len(units) <= 2 * MOST_CHARACTERS:
        return text
    return units[: 2 * (MOST_CHARACTERS - len(_CUT))].decode("utf-16-le", "ignore") + _CUT


def _letters(number: int) -> str:
    """The name of a column, from 0: A … Z, AA …"""
    name = ""
    while number >= 0:
        number, place = divmod(number, 26)
        name, number = chr(65 + place) + name, number - 1
    return name


def _frame(sheets: Sequence[str]) -> dict[str, str]:
    """The parts around the sheets, by their names in the package."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{k}" r:id="rId{k}"/>' for k, name in zip(numbers, sheets, strict=True)
    )
    links = "".join(
        f'<Relationship Id="rId{k}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{k}.xml"/>' for k in numbers
    )
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{k}.xml" ContentType="{kind}.worksheet+xml"/>' for k in numbers
    )
    return {
        "xl/styles.xml": _STYLES,
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{links}'
        f'<Relationship Id="rId{len(sheets) + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>{parts}</Types>',
    }
