"""Alerts for a human: the list, and what somebody made of one."""

from collections.abc import Callable
from uuid import UUID

from app.domain.rejections import Rejected, Rejection
from app.flows.cursors import id_of, to_text_cursor
from app.flows.once import Once
from app.flows.ports_alerts import Alert, AlertQuery, AlertState, AlertStore, AlertTx
from app.flows.requests import Answer, Write
from app.flows.results import Page


class KeepAlerts:
    def __init__(self, once: Once[AlertTx], store: AlertStore, *, answer: Callable[[Alert], bytes]) -> None:
        self._once = once
        self._store = store
        self._answer = answer

    async def page(self, query: AlertQuery, *, limit: int, cursor: str | None) -> Page[Alert]:
        """The newest first."""
        before = None if cursor is None else id_of(cursor)
        found = await self._store.alerts(query, before=before, limit=limit + 1)
        return Page(tuple(found[:limit]), to_text_cursor(str(found[limit - 1].id)) if len(found) > limit else None)

    async def decide(self, write: Write, alert_id: UUID, state: AlertState) -> Answer:
        """The alert in its new state. Confirmed is final; dismissed, until it comes again that day.

        Raises:
            Rejected: `not_found`, `alert_decided`.
        """

        async def act(tx: AlertTx) -> Answer:
            decided = await tx.decide_alert(alert_id, state, by=write.caller.key_id)
            if decided is not None:
                return Answer(200, self._answer(decided))
            alert = await tx.alert(alert_id)
            if alert is None:
                raise Rejected(Rejection.NOT_FOUND, "There is no such alert.")
            raise Rejected(
                Rejection.ALERT_DECIDED, f"The alert is {alert.state} already.", facts={"state": alert.state.value}
            )

        return await self._once.run(write, act)
