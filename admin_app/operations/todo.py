"""The house raises alerts of its own; alerts are closed and tasks finished, with what came of them."""

from __future__ import annotations

from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import select

from admin_app.i18n import LONGEST_TEXT
from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, operation, the_machine
from models.names import Name
from models.standing import Alert, Severeness, Task

IN_ORDER = _l("It is in order again.")
EVIDENCE_GONE = _l("What it rested on was taken back.")
OUTCOMES = (IN_ORDER, EVIDENCE_GONE)
"""What the house writes when it closes an alert or a task itself."""


class RaiseAlertInput(Input):
    """Something the house itself wants known."""

    source: str
    occasion: Annotated[str, "unique with the source: the same thing is told once"]
    text: str
    text_en: str | None = None
    about: Annotated[str | None, "the kind of thing that it is about, as a page links to it"] = None
    about_id: int | None = None
    to_role: str = "owner"
    severity: Severeness = Severeness.WARNING


@operation(Name.RAISE_ALERT, label=_l("Raise an alert"), form=False)
def raise_alert(op: Operation, data: RaiseAlertInput) -> Answer:
    """Raise the alert, unless this occasion has one; one that was closed stands open again."""
    there = select(Alert).where(Alert.source == data.source, Alert.occasion == data.occasion)
    known = op.session.scalars(there.with_for_update()).first()
    if known is not None:
        again = known.closed_at is not None
        if again:
            known.closed_at = known.closed_by = known.outcome = None
            known.raised_at = op.at
        return {"id": known.id, "raised": again}
    alert = Alert(
        source=data.source,
        occasion=data.occasion,
        text=data.text[:LONGEST_TEXT],
        text_en=data.text_en and data.text_en[:LONGEST_TEXT],
        about=data.about,
        about_id=data.about_id,
        to_role=data.to_role,
        severity=data.severity,
        raised_at=op.at,
    )
    op.session.add(alert)
    op.concerns(alert)
    return {"id": alert.id, "raised": True}


class SettleAlertsInput(Input):
    """Alerts of the house's own: those of a source whose occasion begins with these words."""

    source: str
    occasion: str


@operation(Name.SETTLE_ALERTS, label=_l("Settle alerts"), permitted=the_machine, form=False)
def settle_alerts(op: Operation, data: SettleAlertsInput) -> Answer:
    """Close what the house raised and what is no longer so."""
    mine = (Alert.source == data.source, Alert.occasion.startswith(data.occasion, autoescape=True))
    waiting = list(op.session.scalars(select(Alert).where(*mine, Alert.closed_at.is_(None))))
    for alert in waiting:
        alert.closed_at, alert.closed_by, alert.outcome = op.at, op.actor.name, str(IN_ORDER)
    return {"settled": len(waiting)}


Outcome = Annotated[str, Ask(_l("What came of it")), Field(min_length=1, max_length=200)]


class CloseAlertInput(Input):
    """An alert and what came of it."""

    alert: Annotated[int, Ask(_l("Alert"), to=Alert)]
    outcome: Outcome


@operation(Name.CLOSE_ALERT, label=_l("Close"), on=Alert)
def close_alert(op: Operation, data: CloseAlertInput) -> Answer:
    """Close an alert."""
    alert: Alert = op.subject
    if alert.closed_at is not None:
        raise Refused(_l("This is closed already."))
    alert.closed_at, alert.closed_by, alert.outcome = op.at, op.actor.name, data.outcome
    return {"id": alert.id}


class FinishTaskInput(Input):
    """A task and what came of it."""

    task: Annotated[int, Ask(_l("Task"), to=Task)]
    outcome: Outcome


@operation(Name.FINISH_TASK, label=_l("Finish"), on=Task)
def finish_task(op: Operation, data: FinishTaskInput) -> Answer:
    """Finish a task."""
    task: Task = op.subject
    if task.finished_at is not None:
        raise Refused(_l("This is finished already."))
    task.finished_at, task.finished_by, task.outcome = op.at, op.actor.name, data.outcome
    return {"id": task.id}
