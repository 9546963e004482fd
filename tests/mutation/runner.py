"""A pytest plugin: runs the collected tests once to learn which lines each executes, then every mutant in a forked
process against the tests that execute its line, those most likely to notice first, until one fails.
"""

from __future__ import annotations

import functools
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import pytest

from tests.mutation.operators import Mutant

HANGS = 600.0
"""Seconds after which a test that waits for something is one that does not end."""
KILLED, SURVIVED, OUT_OF_TIME, INVALID = 1, 0, 2, 3
OUTCOMES = {SURVIVED: "survived", OUT_OF_TIME: "out of time", INVALID: "invalid"}

Covering = dict[tuple[str, int], list[pytest.Item]]
Functions = dict[tuple[str, str, int], list[FunctionType]]


class MutationRun:
    """Runs mutants and reports each outcome to ``report(mutant, outcome)``.

    After ``seconds`` of processor time no further test of a mutant begins: it is not killed. A minute more, within one
    test, is a test that does not end, and kills it.
    """

    def __init__(
        self, root: Path, mutants: list[Mutant], report: Callable[[Mutant, str], None], seconds: int = 45
    ) -> None:
        self.root = root
        self.mutants = mutants
        self.report = report
        self.seconds = seconds
        self.failed = False
        self.durations: dict[str, float] = {}
        self.functions: Functions = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        covering = self._learn(session.items)
        self.functions = functions_of({str(self.root / mutant.path) for mutant in self.mutants})
        gc.collect()
        gc.freeze()  # a child that looks through what was there copies all of it
        for mutant in self.mutants:
            items = self._likely_first(mutant, covering)
            self.report(mutant, self._outcome(mutant, items) if items else "no test runs it")
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed
        self.durations[report.nodeid] = self.durations.get(report.nodeid, 0.0) + report.duration

    def _likely_first(self, mutant: Mutant, covering: Covering) -> list[pytest.Item]:
        """The tests that execute the mutant's line: the short ones, and those that go where few go in its function."""
        path = mutant.path
        items = covering.get((path, mutant.line)) or covering.get((path, mutant.statement), [])
        together: dict[str, int] = {}
        for line in range(mutant.first_line, mutant.last_line + 1):
            there = covering.get((path, line), [])
            for item in there:
                together[item.nodeid] = min(len(there), together.get(item.nodeid, len(there)))
        return sorted(items, key=lambda item: self.durations[item.nodeid] * together[item.nodeid])

    def _learn(self, items: list[pytest.Item]) -> Covering:
        """The tests that execute each line of the files that are mutated."""
        files = sorted({str(self.root / mutant.path) for mutant in self.mutants})
        tracer = coverage.Coverage(data_file=None, include=files, branch=False)
        tracer.start()
        passing = {}
        for place, item in enumerate(items):
            tracer.switch_context(item.nodeid)
            self.failed = False
            following = items[place + 1] if place + 1 < len(items) else None
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if not self.failed:
                passing[item.nodeid] = item
        tracer.stop()
        data = tracer.get_data()
        covering: Covering = {}
        for file in files:
            path = str(Path(file).relative_to(self.root))
            for line, contexts in data.contexts_by_lineno(file).items():
                covering[path, line] = [passing[name] for name in contexts if name in passing]
        return covering

    def _outcome(self, mutant: Mutant, items: list[pytest.Item]) -> str:
        child = os.fork()
        if child == 0:
            self._in_child(mutant, items)
        until = time.monotonic() + HANGS
        while time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return OUTCOMES.get(os.waitstatus_to_exitcode(status), "killed")
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return "killed"

    def _in_child(self, mutant: Mutant, items: list[pytest.Item]) -> None:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (self.seconds + 60, self.seconds + 60))
        try:
            if not apply(mutant, self.root, self.functions):
                os._exit(INVALID)
            self.failed = False
            for place, item in enumerate(items):
                following = items[place + 1] if place + 1 < len(items) else item
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.failed:
                    os._exit(KILLED)
                if time.process_time() > self.seconds:
                    os._exit(OUT_OF_TIME)
            os._exit(SURVIVED)
        except BaseException:  # noqa: BLE001 - whatever the mutant broke, it was noticed
            os._exit(KILLED)


def functions_of(files: Collection[str]) -> Functions:
    """Every living function of the files, by file, qualified name and first line, wherever it is referred to."""
    gc.unfreeze()  # the suite freezes what was imported, and frozen objects are not listed
    found: Functions = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename in files:
            code = thing.__code__
            found.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(thing)
    return found


def apply(mutant: Mutant, root: Path, functions: Functions) -> bool:
    """Put the mutant's code into the living function; False where it does not fit."""
    file = str(root / mutant.path)
    living = functions.get((file, mutant.function, mutant.first_line), [])
    try:
        code = _code_at(compile(mutant.changed(), file, "exec"), mutant)
        for function in living:
            function.__code__ = code
    except (SyntaxError, LookupError, ValueError):
        return False
    _clear_caches(mutant)
    return bool(living)


def _code_at(module: CodeType, mutant: Mutant) -> CodeType:
    for code in _inside(module):
        if code.co_qualname == mutant.function and code.co_firstlineno == mutant.first_line:
            return code
    raise LookupError(mutant.function)


def _inside(code: CodeType) -> Iterable[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _inside(constant)


def _clear_caches(mutant: Mutant) -> None:
    """Values computed before the change must not answer for it."""
    module = mutant.path.removesuffix(".py").replace("/", ".")
    for thing in vars(sys.modules[module]).values():
        for cached in (thing, *(vars(thing).values() if isinstance(thing, type) else ())):
            if isinstance(cached, functools._lru_cache_wrapper):
                cached.cache_clear()


def run_tests(arguments: list[str], plugin: Any) -> int:
    """Collect and run with the plugin, without the project's own options (processes, reports)."""
    sys.argv = ["pytest", *arguments]
    options = ["-o", "addopts=-n 0", "-p", "no:terminal", "-p", "no:cacheprovider", "-W", "ignore"]
    return int(pytest.main([*options, *arguments], plugins=[plugin]))
