"""A page as Markdown, for a file or a job summary: the answer, the front as a picture, the table, what is not shown.

Law: text of a run stays text and is never markup.
"""

from __future__ import annotations

from collections.abc import Iterator

from optkit.report.escape import code, plain
from optkit.report.page.parts import Cards, Chart, Lines, Page, Part, Picture, RunPage, Section, Table, Tree, Trees

_FIRST = ("answer", "front", "table")
_WHOLE = (*_FIRST, "targets", "operators", "accuracy", "build", "past", "environment", "reproduce", "choices")
"""The sections that the Markdown page has; the others are in the HTML page."""


def pictures(page: Page) -> dict[str, str]:
    """Return the pictures of the page as SVG, by the name of their file."""
    found = {}
    for run in page.runs:
        for section in run.sections:
            for part in section.parts:
                picture = part.instead if isinstance(part, Chart) else part
                if isinstance(picture, Picture):
                    found[file_name(picture, page)] = picture.svg
    return found


def file_name(picture: Picture, page: Page) -> str:
    """Return the name of a picture's file: `front.svg` of a page of one run, else with the run's name."""
    return f"{picture.name.removeprefix('run1-') if len(page.runs) == 1 else picture.name}.svg"


def render_markdown(page: Page) -> str:
    """Return `page` as Markdown; its pictures stand beside it under their names."""
    lines = [f"# {plain(page.title)}", ""]
    for run in page.runs:
        lines += [*_run(run, page), ""]
    return "\n".join([*lines, f"Made by {plain(page.made_with)}. The HTML page beside this one has more.", ""])


def render_summary(page: Page) -> str:
    """Return `page` as Markdown for a job summary, which shows no file: its front is a diagram, the rest is folded."""
    lines = [f"### {plain(page.title)}", ""]
    for run in page.runs:
        lines += [f"**{plain(run.title)}**", ""]
        sections = [section for section in run.sections if section.name in _WHOLE]
        for section in sections:
            if section.name in _FIRST:
                lines += _section(section, None)
        rest = [section for section in sections if section.name not in _FIRST]
        if rest:
            lines += [f"<details><summary>{', '.join(plain(section.title) for section in rest)}</summary>", ""]
            lines += [*(line for section in rest for line in _section(section, None)), "</details>", ""]
    return "\n".join([*lines, ""])


def _run(run: RunPage, page: Page) -> Iterator[str]:
    yield from (f"## {plain(run.title)}", "")
    for line in run.about:
        yield from (plain(line), "")
    for section in run.sections:
        if section.name in _WHOLE:
            yield from _section(section, page)


def _section(section: Section, page: Page | None) -> Iterator[str]:
    """Yield the lines of a section. Its pictures are files beside `page`; without one, diagrams."""
    yield from (f"{'###' if page else '####'} {plain(section.title)}", "")
    for part in section.parts:
        yield from _part(part, page)
    if section.missing:
        yield from (*(f"- {plain(line)}" for line in section.missing), "")


def _part(part: Part, page: Page | None) -> Iterator[str]:
    if isinstance(part, Cards):
        for card in part.cards:
            yield f"- **{plain(card.title)}**: {code(card.variant)}: {plain('; '.join(card.lines))}"
        yield ""
    elif isinstance(part, Table):
        yield from _table(part)
    elif isinstance(part, Lines) and part.code:
        yield from ("```", *(line.replace("`", "'") for line in part.lines), "```", "")
    elif isinstance(part, Lines):
        yield from (line for one in part.lines for line in (plain(one), ""))
    elif isinstance(part, Trees):
        yield from (*(line for tree in part.trees for line in _tree(tree, 0)), "")
    else:
        picture = part.instead if isinstance(part, Chart) else part
        if isinstance(picture, Picture) and page:
            yield from (f"![{plain(picture.about)}]({file_name(picture, page)})", "")
        elif isinstance(picture, Picture) and picture.diagram:
            yield from (picture.diagram, "")


def _table(part: Table) -> Iterator[str]:
    if part.folded:
        yield from (f"<details><summary>{plain(part.caption)}</summary>", "")
    else:
        yield from (f"{plain(part.caption)}:", "")
    yield f"| {' | '.join(plain(head.text) for head in part.heads)} |"
    yield f"|{'|'.join('---:' if head.number else '---' for head in part.heads)}|"
    for row in part.rows:
        yield f"| {' | '.join(plain(cell.text) + (' ◀' if cell.best else '') for cell in row)} |"
    yield ""
    if part.folded:
        yield from ("</details>", "")


def _tree(tree: Tree, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}- {code(tree.text) if tree.leaf else plain(tree.text)}"
    for child in tree.children:
        yield from _tree(child, depth + 1)
