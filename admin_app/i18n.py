"""Two languages: Chinese first, English as it stands in the code. Catalogues are compiled in memory at start."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, current_app, g, has_request_context, request
from flask_babel import Babel, Domain, force_locale, get_locale
from flask_login import current_user

LANGUAGES = ("zh_Hans_CN", "en")
LONGEST_TEXT = 300
"""Letters of an alert or a task."""
CATALOGUE = Path(__file__).parent / "translations" / "zh_Hans_CN" / "LC_MESSAGES" / "messages.po"


@cache
def chinese() -> Translations:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="zh_Hans_CN")
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


class HouseDomain(Domain):  # type: ignore[misc]  # Flask-Babel has no types
    """The house's own texts; what is not Chinese is the English of the code."""

    def get_translations(self) -> Any:
        locale = get_locale()
        return chinese() if locale is not None and locale.language == "zh" else NullTranslations()


def init_languages(app: Flask) -> None:
    settings = app.config["PEONY"]
    babel = Babel(
        app, default_locale=settings.language, default_timezone=settings.timezone, locale_selector=chosen_language
    )
    babel.domain_instance = HouseDomain()


def chosen_language() -> str:
    """The user's own language, else the one asked for before signing in, else the browser's, else the house's."""
    default: str = current_app.config["PEONY"].language
    if not has_request_context():
        return default
    if "language" in g:
        return str(g.language)
    own = getattr(current_user, "language", None) if current_user else None
    if own:
        return str(own)
    asked = request.cookies.get("language")
    if asked in LANGUAGES:
        return asked
    for wanted, _ in request.accept_languages:
        language = wanted.replace("_", "-").split("-")[0].lower()
        if language in {"zh", "en"}:
            return "zh_Hans_CN" if language == "zh" else "en"
    return default


def language_tag() -> str:
    """For ``<html lang>``: zh-Hans-CN or en."""
    locale = get_locale() or Locale.parse("zh_Hans_CN")
    return str(locale).replace("_", "-")


def in_english() -> bool:
    """Whether she who looks reads English."""
    locale = get_locale()
    return locale is not None and locale.language == "en"


def join_words(parts: Iterable[object]) -> str:
    """Words of a list one behind the other, parted as the reader's language does."""
    return (", " if in_english() else "、").join(map(str, parts))


def join_clauses(parts: Iterable[object]) -> str:
    """Clauses one behind the other, parted as the reader's language does."""
    return ("; " if in_english() else "；").join(map(str, parts))


def in_her_language(name: str, name_en: str | None) -> str:
    """A name that an owner gave in Chinese and perhaps in English."""
    return name_en if name_en and in_english() else name


def in_both_languages(say: Callable[[], str]) -> dict[str, str]:
    """A text as ``text`` and ``text_en``: alerts and tasks are written once, and read by people of either language."""
    with force_locale(LANGUAGES[0]):
        text = say()
    with force_locale(LANGUAGES[1]):
        return {"text": text[:LONGEST_TEXT], "text_en": say()[:LONGEST_TEXT]}


def text_of(row: Any) -> str:
    """The text of an alert or a task in the reader's language."""
    return in_her_language(row.text, row.text_en)
