"""The pages of the docs, and what stands in their blocks."""

from tests.isolation import ROOT

PAGES = [path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))]


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a page in `language`; of none when it is empty."""
    found: list[str] = []
    inside: list[str] | None = None
    kind = ""
    for line in (ROOT / page).read_text().splitlines():
        if line.startswith("```"):
            if inside is None:
                inside, kind = [], line[3:].strip()
            else:
                found += ["\n".join(inside)] if kind == language else []
                inside = None
        elif inside is not None:
            inside.append(line)
    return found


def lines(page: str, *programs: str) -> list[str]:
    """Return every line of a plain block of a page that begins with one of `programs`, without its comment."""
    found = [line for block in blocks(page, "") for line in block.splitlines()]
    return [line.split("  #")[0].strip() for line in found if line.startswith(tuple(f"{name} " for name in programs))]


def commands() -> list[tuple[str, str]]:
    """Return the `optkit` commands of all pages, each with its page, without what the shell does with the output."""
    return [(page, line.split(" > ")[0].strip()) for page in PAGES for line in lines(page, "optkit")]
