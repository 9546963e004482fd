"""Approval from elsewhere: somebody asks, and whoever may allow it answers on a screen of their own."""

from __future__ import annotations

from typing import Annotated, Any

from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from admin_app.operations.approvals import Approvable, content_of
from admin_app.operations.kernel import Operation, begin_of_day
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, operation
from models.customers import Customer
from models.names import Name
from models.organisation import Store
from models.till import Approval, ApprovalRequest, RequestState

MOST_LINES = 60


class AskInput(Input):
    """What is asked for: the operation, a digest of what is to be done, and what it comes to."""

    operation: str
    content: Annotated[str, Field(max_length=64)]
    store: Annotated[int, Ask(_l("Store"), to=Store)]
    customer: Annotated[int | None, Ask(_l("Customer"), to=Customer)] = None
    total: int | None = None
    working: Annotated[list[list[Any]], Field(max_length=MOST_LINES)] = []
    why: Annotated[str, Field(min_length=1, max_length=200)]


def _does_it(op: Operation, data: AskInput) -> bool:
    return op.access.does(data.operation)


@operation(Name.ASK_APPROVAL, label=_l("Ask for an approval"), permitted=_does_it, form=False)
def ask_approval(op: Operation, data: AskInput) -> Answer:
    """Ask whoever may allow it; what was asked for already today is not asked twice."""
    mine = (ApprovalRequest.asked_by == op.actor.id, ApprovalRequest.content == data.content)
    today = ApprovalRequest.at >= begin_of_day(op.day)
    request = op.session.scalar(select(ApprovalRequest).where(*mine, today, ApprovalRequest.state == RequestState.OPEN))
    if request is None:
        assert op.actor.id is not None
        request = ApprovalRequest(
            store_id=data.store,
            customer_id=data.customer,
            at=op.at,
            operation=data.operation,
            asked_by=op.actor.id,
            content=data.content,
            total=data.total,
            working=data.working,
            why=data.why,
        )
        op.session.add(request)
    op.store_id = data.store
    op.concerns(request)
    return {"id": request.id}


class AnswerInput(Input):
    """The answer to a request: yes or no, and what the one who asked should know."""

    request: Annotated[int, Ask(_l("Request for an approval"), to=ApprovalRequest)]
    allow: bool
    answer: Annotated[str, Field(max_length=200)] = ""


def _allows(op: Operation, data: AnswerInput) -> bool:
    return op.access.does(Name.ALLOW)


@operation(
    Name.ANSWER_REQUEST,
    label=_l("Answer a request for an approval"),
    on=ApprovalRequest,
    permitted=_allows,
    form=False,
)
def answer_request(op: Operation, data: AnswerInput) -> Answer:
    """Allow what was asked for, or refuse it. The approval is good for that alone, on this day."""
    request: ApprovalRequest = op.subject
    if request.asked_by == op.actor.id:
        raise Refused(_l("Nobody allows what they asked for themselves."), "request", "forbidden")
    if request.state is not RequestState.OPEN:
        raise Refused(_l("This request was answered already."), "request", "answered")
    if request.at < begin_of_day(op.day):
        raise Refused(_l("This was asked for on an earlier day. Let them ask again."), "request", "too_late")
    assert op.actor.id is not None
    request.state = RequestState.ALLOWED if data.allow else RequestState.REFUSED
    request.answered_by, request.answered_at, request.answer = op.actor.id, op.at, data.answer or None
    op.store_id = request.store_id
    if data.allow:
        approval = Approval(
            store_id=request.store_id,
            business_day=op.day,
            at=op.at,
            operation=request.operation,
            asked_by=request.asked_by,
            allowed_by=op.actor.id,
            content=request.content,
            reason=request.why,
        )
        op.session.add(approval)
        op.session.flush()
        request.approval_id = approval.id
    op.concerns(request)
    return {"id": request.id, "approval": request.approval_id}


def waiting(op_day_begins: Any) -> tuple[ColumnElement[bool], ...]:
    """The requests that can still be answered, as conditions; ``op_day_begins`` is the first moment of the day."""
    return (ApprovalRequest.state == RequestState.OPEN, ApprovalRequest.at >= op_day_begins)


def request_for(session: Session, asked_by: int, name: str, data: Approvable) -> ApprovalRequest | None:
    """The latest request that somebody made for just this."""
    mine = (ApprovalRequest.asked_by == asked_by, ApprovalRequest.content == content_of(name, data))
    return session.scalar(select(ApprovalRequest).where(*mine).order_by(ApprovalRequest.id.desc()).limit(1))
