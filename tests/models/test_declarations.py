"""An entity that contradicts itself is refused before anything starts, with the entity, the field and the mend."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from flask_wtf import FlaskForm

import models
from models.entity import RESERVED, entities, table_of

FAULTS = {
    "NoLabel": ("no_label:", "has no label", "declare label ="),
    "NoPlural": ("no_plural:", "has no plural", "declare plural ="),
    "NoWriter": ("no_writer:", "has no written_by", "declare written_by ="),
    "BareColumn": ("bare_column.colour:", "has no label", "declare it with field() or reference()"),
    "ReservedMeta": ("reserved_meta.meta:", "a form uses this name", "choose another"),
    "ReservedProcess": ("reserved_process.process:", "a form uses this name", "choose another"),
    "OpenCipher": ("open_cipher.secret:", "encrypted but open", "give it a privacy"),
    "CipherWords": ("cipher_words.secret:", "no words to search", "use Search.WHOLE_OR_LAST4 or none"),
    "PlainLast4": ("plain_last4.number:", "for encrypted numbers", "use Search.WORDS"),
    "PrivateWords": ("private_words.pay:", "what its privacy hides", "drop one of the two"),
    "FormsOnEvents": ("forms_on_events:", "append-only, yet written by forms", "name the operations"),
    "WithinNothing": ("within_nothing:", "within names box_id", "not one of its fields"),
    "NoSuchColumn": ("no_such_column.colour:", "the screen names it", "not one of the fields"),
    "NoSuchOrder": ("no_such_order.weight:", "the screen names it", "not one of the fields"),
    "NoSuchInline": ("no_such_inline.size:", "the screen names it", "not one of the fields"),
    "NoSuchTitle": ("no_such_title.nickname:", "the screen names it", "not one of the fields"),
    "SecretShown": ("secret_shown.word:", "secret, yet a column", "take it out"),
    "InlineByOperation": ("inline_by_operation:", "not written by forms", "drop inline or declare WrittenBy.FORM"),
}


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What is said of each faulty entity; they would stay registered in this process, so they live in another."""
    script = Path(__file__).with_name("faulty_entities.py")
    home = str(script.parents[2])
    command = [sys.executable, "-c", "import runpy, sys; sys.path.insert(0, sys.argv[1]);"]
    command[-1] += "runpy.run_path(sys.argv[2], run_name='__main__')"
    done = subprocess.run([*command, home, str(script)], capture_output=True, text=True, check=True, encoding="utf-8")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_the_shipped_entities_are_sound() -> None:
    models.check_declarations()


def test_a_sound_entity_passes(said: dict[str, str]) -> None:
    assert said["Sound"] == ""


@pytest.mark.parametrize("entity", FAULTS)
def test_a_contradiction_is_named_with_its_mend(entity: str, said: dict[str, str]) -> None:
    assert all(words in said[entity] for words in FAULTS[entity]), said[entity]


@pytest.mark.parametrize("entity", [name for name in FAULTS if name != "CipherWords"])
def test_nothing_else_is_said_of_it(entity: str, said: dict[str, str]) -> None:
    assert len(said[entity].splitlines()) == 1, said[entity]


def test_every_contradiction_is_named_at_once(said: dict[str, str]) -> None:
    assert [line.split(":")[0] for line in said["together"].splitlines()] == ["no_label", "no_writer"]


def test_every_faulty_entity_is_expected_here(said: dict[str, str]) -> None:
    assert set(said) == {*FAULTS, "Sound", "together"}


def test_every_name_that_a_form_uses_is_reserved() -> None:
    used = {name for name in dir(FlaskForm) if name.islower() and not name.startswith("_")}
    assert used - RESERVED == set()


def test_every_check_speaks_of_a_field_of_its_own_entity() -> None:
    lost = [
        f"{entity.named()}: {check.name} speaks of {check.info['field']}"
        for entity in entities()
        for check in table_of(entity).constraints
        if "field" in check.info and check.info["field"] not in entity.fields()
    ]
    assert lost == []
