"""Every YAML example of the rules' guide is a rule that fits into the shipped book."""

from __future__ import annotations

import re

import pytest

from admin_app.settings import HOUSE
from rules.evaluation.boundaries import fulfilling
from tests.rules.texts import SHIPPED, book

EXAMPLE = re.compile(r"(?:\(`(?P<file>\w+)\.yaml`\)[^`]*?)?```yaml\n(?P<text>.*?)```", re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """Each example with the document it belongs to."""
    found = []
    for page in ("README.md", "README.zh-CN.md"):
        text = (HOUSE / "docs" / "rules" / page).read_text("utf-8")
        found += [(match["file"] or "tags", match["text"]) for match in EXAMPLE.finditer(text)]
    return found


def test_there_are_examples() -> None:
    assert len(examples()) >= 12


@pytest.mark.parametrize(("document", "text"), examples())
def test_an_example_fits_and_can_be_fulfilled(document: str, text: str) -> None:
    indented = "".join(f"  {line}" for line in text.splitlines(keepends=True))
    whole = SHIPPED[document].replace("\nrules:\n", f"\nrules:\n{indented}", 1)
    known = {rule.id for rule in book().rules()}
    [fresh] = [rule for rule in book({document: whole}).rules() if rule.id not in known]
    assert fulfilling(fresh.when) is not None
