"""Alerts are closed and tasks finished, with what came of them."""

from __future__ import annotations

from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import Field

from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, operation
from models.names import Name
from models.standing import Alert, Task

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
