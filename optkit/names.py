"""What a name may be, and how text that others wrote is shown.

Law: a name of a suite, variant or profile has one form, checked where it enters. Text that comes from a file reaches
a terminal, a log or a report only without control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

NAME_FORM = "1 to 100 letters (a to z), digits, '.', '_' or '-', with a letter or a digit among them"

_NAME = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{1,100}")
# C0, DEL and C1 controls; marks that turn the direction of text; line and paragraph ends; halves of characters, which
# stand for bytes of a file name that are not UTF-8.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_COMMAND = re.compile(r"^(\s*):(?=:)|##(?=\[)", re.MULTILINE)


def is_name(text: object) -> bool:
    """Tell whether `text` has the form of a name: `NAME_FORM`."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def is_title(text: object) -> bool:
    """Tell whether `text` is the title of a suite: a name, or `name:profile`."""
    return isinstance(text, str) and text.count(":") <= 1 and all(map(is_name, text.split(":")))


def has_control(text: str) -> bool:
    """Tell whether `text` holds a control character, a line end, or a mark that turns the direction of text."""
    return _CONTROL.search(text) is not None


def shown(text: object) -> str:
    r"""Return `text` as one line that is safe to print: each control character as its escape, such as `\x1b`."""
    return _CONTROL.sub(_escape, str(text))


def shown_lines(text: str, *, workflow: bool = False) -> str:
    """Return a text of several lines as `shown` does each line of it.

    With `workflow` (the log of a GitHub workflow) no line of it is a command to the runner, such as `::error::`.
    """
    lines = "\n".join(map(shown, text.split("\n")))
    return _COMMAND.sub(lambda found: f"{found[1] or ''}\\x{ord(found[0][-1]):x}", lines) if workflow else lines


def shown_json(text: str) -> str:
    """Return JSON text with the control characters inside its strings escaped: other text, the same values."""
    return "\n".join(_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", line) for line in text.split("\n"))


def shown_values(value: Any) -> Any:
    """Return a value of JSON types with every text in it as `shown` gives it, also the keys."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping):
        return {shown(key): shown_values(item) for key, item in value.items()}
    return [shown_values(item) for item in value] if isinstance(value, (list, tuple)) else value


def control_texts(value: Any) -> Iterator[str]:
    """Yield every text with a control character in a value of JSON types, keys too; of any depth."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            if has_control(item):
                yield item
        elif isinstance(item, Mapping):
            left += [*item, *item.values()]
        elif isinstance(item, (list, tuple)):
            left += item


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
