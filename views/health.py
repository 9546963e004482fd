"""For machines that look after the house: ``/healthz`` says whether it stands, ``/metrics`` how it fares."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from flask import Flask, Response, abort, current_app, jsonify, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from admin_app import disk
from admin_app.operations.kernel import now
from admin_app.rulebook import rulebook
from admin_app.scheduler import overdue
from models.clock import ClaimState, Schedule, ScheduleRun
from models.connection import FILE_REPLACED
from models.entity import db
from models.log import Operation
from models.rulebook import ChangedCustomer
from models.standing import Alert


def register(app: Flask) -> None:
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/metrics", "metrics", metrics)


def healthz() -> tuple[Response, int]:
    """200 when the program is ready for work: the database answers, the disk has room, the rules are there and no
    schedule is overdue; else 503 with what is amiss. ``status`` names the worst of it.
    """
    try:
        db.session.execute(select(1))
        rules, late = len(rulebook().rules()), overdue(now())
    except SQLAlchemyError as error:
        db.session.rollback()
        return jsonify(status="down", database="replaced" if FILE_REPLACED in str(error) else "unreachable"), 503
    full = disk.is_full()
    status = "full" if full else "late" if late else "ok"
    answer = {"status": status, "database": "ok", "disk": "full" if full else "ok", "rules": rules, "overdue": late}
    return jsonify(answer), 200 if status == "ok" else 503


def metrics() -> Response:
    """For Prometheus, with ``PEONY_METRICS_TOKEN`` as a bearer token; without one there is no such page.

    An address proves nothing: behind a proxy that sends no headers everybody seems to be on this machine.
    """
    if not _trusted():
        abort(404)
    registry = CollectorRegistry()
    registry.register(_House())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _trusted() -> bool:
    token = current_app.config["PEONY"].metrics_token
    said = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(token) and hmac.compare_digest(said.encode(), token.encode())


class _House:
    """Reads what is measured when it is asked for."""

    def collect(self) -> Iterator[Metric]:
        yield _gauge("peony_operations", "Entries of the operation log", _count(Operation))
        yield _gauge("peony_open_alerts", "Alerts that wait", _count(Alert, Alert.closed_at.is_(None)))
        yield _gauge("peony_changed_customers", "Marks the evaluator has still to look at", _count(ChangedCustomer))
        late = set(overdue(now()))
        seconds = GaugeMetricFamily("peony_schedule_seconds", "How long the last run took", labels=["schedule"])
        failed = GaugeMetricFamily("peony_schedule_failed", "Whether the last run failed", labels=["schedule"])
        overdue_ = GaugeMetricFamily("peony_schedule_overdue", "Whether a run is overdue", labels=["schedule"])
        for schedule in db.session.scalars(select(Schedule).order_by(Schedule.name)):
            newest = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule.id).order_by(ScheduleRun.id.desc())
            last = db.session.scalar(newest.limit(1))
            overdue_.add_metric([schedule.name], schedule.name in late)
            if last is not None and last.ended_at is not None:
                seconds.add_metric([schedule.name], (last.ended_at - last.started_at).total_seconds())
                failed.add_metric([schedule.name], last.state is ClaimState.FAILED)
        yield from (seconds, failed, overdue_)


def _gauge(name: str, what: str, value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=value)


def _count(entity: type, *conditions: object) -> int:
    return db.session.scalar(select(func.count()).select_from(entity).where(*conditions)) or 0  # type: ignore[arg-type]
