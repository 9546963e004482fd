"""The changes that are made to a function: one mutant each."""

from __future__ import annotations

import ast
import copy
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
CRITERIA = {"where", "and_", "or_", "filter"}
"""Calls whose arguments are left out, one at a time; not ``order_by``: an order that an engine gives anyway cannot be
told from one that was asked for; not ``join``: by a foreign key it is the same without its criterion, else an error.
"""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Mutant:
    """One change in one function of a file."""

    path: str
    line: int
    statement: int
    """Where the innermost statement around it begins: constants in it may have no line that runs."""
    function: str
    """Qualified name of the outermost function."""
    first_line: int
    """Where that function's code begins, decorators included: ``co_firstlineno``."""
    last_line: int
    before: str
    after: str
    again: int
    """How many like it come before it in the function."""
    module: ast.Module
    node: ast.AST
    change: ast.AST

    @property
    def key(self) -> str:
        """Stays the same while the function's name and the changed expression do."""
        which = [self.path, self.function, self.before, self.after, *([str(self.again)] if self.again else [])]
        return hashlib.sha256("|".join(which).encode()).hexdigest()[:12]

    def changed(self) -> ast.Module:
        """A copy of the module with the change in it."""
        self.node._mutated = True  # type: ignore[attr-defined]
        try:
            copied = copy.deepcopy(self.module)
        finally:
            del self.node._mutated  # type: ignore[attr-defined]
        return ast.fix_missing_locations(_Replace(self.node, self.change).visit(copied))


def mutants_of(path: str, root: Path) -> list[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    tree = ast.parse((root / path).read_text(encoding="utf-8"))
    mutants = []
    for name, function in _functions(tree.body, ""):
        first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
        lines = first, function.end_lineno or first
        seen: Counter[tuple[str, str]] = Counter()
        for node, statement in (found for top in function.body for found in _executed(top, top)):
            for change, label in _changes(node):
                shown = ast.unparse(node)[:160], (label or ast.unparse(change))[:160]
                line, again = getattr(node, "lineno", statement.lineno), seen[shown]
                mutants.append(Mutant(path, line, statement.lineno, name, *lines, *shown, again, tree, node, change))
                seen[shown] += 1
    return mutants


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Function]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")


class _Replace(ast.NodeTransformer):
    def __init__(self, node: ast.AST, change: ast.AST) -> None:
        self.change = change
        self.at = node

    def visit(self, node: ast.AST) -> ast.AST:
        if getattr(node, "_mutated", False):
            return ast.copy_location(self.change, self.at)
        return self.generic_visit(node)


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What a node can be changed into, and how to show that (empty: as code)."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in COMPARISONS:
            yield _with(node, ops=[COMPARISONS[type(operator)]()]), ""
        case ast.BoolOp(op=ast.And()):
            yield _with(node, op=ast.Or()), ""
        case ast.BoolOp(op=ast.Or()):
            yield _with(node, op=ast.And()), ""
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand, ""
        case ast.BinOp(op=operator) if type(operator) in ARITHMETIC and not _text(node):
            yield _with(node, op=ARITHMETIC[type(operator)]()), ""
        case ast.Constant(value=bool()):
            yield ast.Constant(value=not node.value), ""
        case ast.Constant(value=int()):
            yield ast.Constant(value=node.value + 1), ""
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise():
            yield ast.Pass(), "(left out)"
        case ast.Call(args=[_, *_]) if _called(node) in CRITERIA:
            yield from _without_criteria(node)


def _executed(node: ast.AST, statement: ast.stmt) -> Iterator[tuple[ast.AST, ast.stmt]]:
    """The node and what is below it, each with the innermost statement around it; without annotations and ``strict=``
    of ``zip``: neither computes a value.
    """
    yield node, statement
    left_out = {id(getattr(node, name, None)) for name in ("annotation", "returns")}
    for child in ast.iter_child_nodes(node):
        if id(child) not in left_out and not (isinstance(child, ast.keyword) and child.arg == "strict"):
            yield from _executed(child, child if isinstance(child, ast.stmt) else statement)


def _with(node: ast.AST, **changed: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in changed.items():
        setattr(new, name, value)
    return new


def _text(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (node.left, node.right))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _without_criteria(call: ast.Call) -> Iterator[tuple[ast.AST, str]]:
    for place, argument in enumerate(call.args):
        if isinstance(argument, ast.Starred) or (len(call.args) == 1 and _called(call) in {"and_", "or_"}):
            continue
        rest = [*call.args[:place], *call.args[place + 1 :]]
        if not rest and not call.keywords and isinstance(call.func, ast.Attribute):
            yield call.func.value, f"without {ast.unparse(argument)}"
        else:
            yield _with(call, args=rest), f"without {ast.unparse(argument)}"
