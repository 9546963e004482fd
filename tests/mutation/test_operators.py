"""What is changed, one thing at a time, and what is left alone."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.mutation.operators import mutants_of

CODE = '''
def chosen(rows: list[int], most: int = 3) -> int:
    """Two of them."""
    limit: int = 0
    found = [
        one for one, _ in zip(rows, rows, strict=True)
        if one > 0 and not one % 2
    ]
    if len(found) == 0:
        raise ValueError("none")
    query.join(A, A.id == B.a).where(A.kind, A.id)
    return limit
'''
CHANGES = [
    ("0", "1"),
    ("one > 0 and (not one % 2)", "one > 0 or not one % 2"),
    ("one > 0", "one >= 0"),
    ("0", "1"),
    ("not one % 2", "one % 2"),
    ("one % 2", "one // 2"),
    ("2", "3"),
    ("len(found) == 0", "len(found) != 0"),
    ("0", "1"),
    ("raise ValueError('none')", "(left out)"),
    ("query.join(A, A.id == B.a).where(A.kind, A.id)", "(left out)"),
    ("query.join(A, A.id == B.a).where(A.kind, A.id)", "without A.kind"),
    ("query.join(A, A.id == B.a).where(A.kind, A.id)", "without A.id"),
    ("A.id == B.a", "A.id != B.a"),
]


def test_each_mutant_changes_one_thing(tmp_path: Path) -> None:
    """Not an annotation, a docstring, ``strict=`` of ``zip`` or the criterion of a join."""
    (tmp_path / "code.py").write_text(CODE, encoding="utf-8")
    mutants = mutants_of("code.py", tmp_path)
    assert [(mutant.before, mutant.after) for mutant in mutants] == CHANGES
    texts = {ast.unparse(mutant.changed()) for mutant in mutants}
    assert len(texts | {ast.unparse(ast.parse(CODE))}) == len(mutants) + 1
    assert len({mutant.key for mutant in mutants}) == len(mutants), "alike ones have keys of their own"
    assert [(mutant.line, mutant.statement) for mutant in mutants][3:7] == [(7, 5)] * 4
    assert {(mutant.first_line, mutant.last_line) for mutant in mutants} == {(2, 12)}
