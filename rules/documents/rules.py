"""Tags and alerts: rules with conditions and effects."""

from __future__ import annotations

from typing import Annotated, Literal

from flask_babel import lazy_gettext as _l
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from models.standing import Severeness, TagColour
from rules.language.reading import Days, Document, Flag, Free, Hours, Name, Part, Slug, Template, When


class TagDeclaration(Part):
    """A tag that rules or people may set.

    .. code-block:: yaml

        - {id: dormant, name: 沉睡客户, name_en: Dormant, colour: amber}
    """

    id: Slug
    name: Name
    name_en: str = ""
    colour: TagColour = TagColour.GREY


class AlertEffect(Part):
    """``alert: {to: manager, text: "{name} …", within: 24h, severity: warning}``"""

    to: Slug
    text: Template
    within: Hours | None = None
    severity: Severeness = Severeness.WARNING


class TaskEffect(Part):
    """``task: {to: consultant, text: "打电话给 {name}", within: 2d}``"""

    to: Slug
    text: Template
    within: Days = 0


class Effect(Part):
    """What a rule does: exactly one of these a line."""

    tag: Slug | None = None
    alert: AlertEffect | None = None
    task: TaskEffect | None = None

    @model_validator(mode="after")
    def _one(self) -> Effect:
        if sum(part is not None for part in (self.tag, self.alert, self.task)) != 1:
            raise PydanticCustomError("said", "effect", {"message": _l("An effect is one of tag, alert and task.")})
        return self


class RuleTest(Part):
    """``{given: {days_since_visit: 90}, expect: matches}``: a fact that is not given is empty."""

    given: Annotated[dict[str, object], Free]
    expect: Literal["matches", "no match"]


class Rule(Part):
    """One rule.

    .. code-block:: yaml

        - id: dormant
          name: 沉睡客户
          name_en: Dormant
          when: {days_since_visit: {between: [60, 179]}}
          then: [{tag: dormant}]
          existing_customers: tag_only   # the first activation only tags; «all» lets alerts and tasks go out too
          tests:
            - {given: {days_since_visit: 60}, expect: matches}
    """

    id: Slug
    name: Name
    name_en: str = ""
    when: When
    then: Annotated[list[Effect], Field(min_length=1)]
    existing_customers: Literal["tag_only", "all"] = "tag_only"
    tests: list[RuleTest] = []
    enabled: Flag = True


class LayerRow(Part):
    """One row of a decision table; the last one has no ``when`` and takes the rest."""

    tag: Slug
    when: When | None = None


class Layers(Part):
    """An exclusive group of tags: the first row whose condition holds.

    .. code-block:: yaml

        - id: layer
          name: 客户分层
          name_en: Customer layers
          first_match:
            - {tag: layer-d, when: {days_since_visit: {at_least: 60}}}
            - {tag: layer-c}
    """

    id: Slug
    name: Name
    name_en: str = ""
    first_match: Annotated[list[LayerRow], Field(min_length=2)]


class TagsDocument(Document):
    """``rules/tags.yaml``."""

    tags: list[TagDeclaration]
    rules: list[Rule] = []
    layers: list[Layers] = []


class AlertsDocument(Document):
    """``rules/alerts.yaml``."""

    rules: list[Rule] = []
