"""What people and operators ask of the service, each call the use case's own method: the half of `app.flows.loyalty`
that no till waits for.
"""

from app.flows import refusals
from app.flows.answering import answering
from app.flows.requests import AdjustRequest, Answer, Write
from app.flows.use_cases import UseCases


class Office:
    """What each call takes and gives says `app.flows.service.Service`."""

    def __init__(self, use: UseCases) -> None:
        self._use = use

        self.session = answering(use.sessions.session)
        self.sign_in = answering(use.signing_in.local)
        self.set_up_person = answering(use.signing_in.set_up)
        self.begin_sign_in = answering(use.signing_in.begin)
        self.finish_sign_in = answering(use.signing_in.finish)
        self.sign_out = answering(use.sessions.end)
        self.people = answering(use.people.page)
        self.disable_person = answering(use.people.disable)

        self.check_draft = answering(use.programs.check_draft)
        self.draft = answering(use.programs.draft)
        self.put_draft = answering(use.programs.put_draft)
        self.publish = answering(use.programs.publish)
        self.republish = answering(use.programs.republish)
        self.program = answering(use.programs.program)
        self.program_versions = answering(use.programs.versions)
        self.ask_backtest = answering(use.trials.ask)
        self.cancel_backtest = answering(use.trials.cancel)
        self.backtest = answering(use.trials.one)

        self.make_segment = answering(use.segments.make)
        self.change_members = answering(use.guards.bulk.counting(use.segments.change_members))
        self.segments = answering(use.segments.segments)
        self.announce_prize_draw = answering(use.prize_draws.announce)
        self.freeze_prize_draw = answering(use.prize_draws.freeze)
        self.draw_prizes = answering(use.prize_draws.draw)
        self.prize_draw = answering(use.prize_draws.one)
        self.entrants = answering(use.prize_draws.entrants)
        self.draw_day = answering(use.draws.day)

        self.create_key = answering(use.keys.create)
        self.rotate_key = answering(use.keys.rotate)
        self.revoke_key = answering(use.keys.revoke)
        self.keys = answering(use.keys.keys)
        self.alerts = answering(use.guards.alerts.page)
        self.decide_alert = answering(use.guards.alerts.decide)
        self.adjustments = answering(use.adjustments.waiting)
        self.adjustment = answering(use.adjustments.one)
        self.approve_adjustment = answering(use.adjustments.approve)
        self.decline_adjustment = answering(use.adjustments.decline)

        self.note = answering(use.audit.note)
        self.note_often = answering(use.audit.note_often)
        self.tally = use.audit.tally
        self.audit_log = answering(use.deeds.page)
        self.ledger_root = answering(use.roots.day)
        self.proof = answering(use.roots.prove)
        self.findings = answering(use.books.findings)
        self.figures = use.books.figures
        self.feed = answering(use.feed.page)

    @answering
    async def adjust(self, write: Write, request: AdjustRequest) -> Answer:
        return await self._use.adjustments.adjust(write, request)

    @answering
    async def is_ready(self) -> dict[str, str]:
        if not await self._use.reads.is_writable():
            raise refusals.unavailable("The database can't be written to.")
        if await self._use.reads.schema_version() < self._use.schema_head:
            raise refusals.unavailable("The database's schema is behind this release.")
        cache = "ok" if await self._use.snapshots.is_well() else "degraded"
        return {"database": "ok", "migrations": "ok", "cache": cache}
