"""The one place that knows every concrete class (of the jobs: `app.background`)."""

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from app.api.answers import JsonAnswers, to_bytes
from app.api.cards import gift_card_bytes, gift_card_numbers_bytes
from app.api.key_schemas import KeyBytes
from app.api.prize_draw_schemas import prize_draw_document
from app.beside import Beside
from app.cache.absent import NoSnapshots
from app.cache.snapshots import RedisSnapshots
from app.clock import DatabaseClock
from app.config import Settings
from app.deed_log import log_on
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.plans import Chained
from app.flows.callers import Callers
from app.flows.failures import DrawSecretDiffers
from app.flows.keep_coupons import KeepCoupons
from app.flows.keep_customer import KeepCustomer
from app.flows.keep_gift_cards import KeepGiftCards
from app.flows.keep_keys import KeepKeys
from app.flows.keep_segments import KeepSegments, SegmentTx
from app.flows.ledger_roots import LedgerRoots
from app.flows.loyalty import Loyalty
from app.flows.move_points import MovePoints
from app.flows.once import Once
from app.flows.place_hold import PlaceHold
from app.flows.ports import Snapshots
from app.flows.ports_audit_log import AuditLog
from app.flows.ports_coupons import CouponTx
from app.flows.ports_customers import CustomerTx
from app.flows.post_event import PostEvent
from app.flows.publish_program import ProgramShelf, PublishProgram
from app.flows.quote_basket import QuoteBasket
from app.flows.read_audit_log import ReadAuditLog
from app.flows.read_coupons import ReadCoupons
from app.flows.read_customer import ReadCustomer
from app.flows.read_draws import ReadDraws
from app.flows.read_events import ReadEvents
from app.flows.read_hold import ReadHold
from app.flows.read_purchase import ReadPurchase
from app.flows.record_purchase import RecordPurchase
from app.flows.resolve_hold import ResolveHold
from app.flows.return_lines import ReturnLines
from app.flows.rounds import Rounds
from app.flows.run_prize_draws import RunPrizeDraws
from app.flows.sales import AtLimits
from app.flows.sealed_answers import SealedAnswers
from app.flows.try_draft import TryDraft
from app.flows.use_cases import UseCases
from app.flows.watch_books import WatchBooks
from app.keyring import Keyring
from app.storage import migrate
from app.storage.audit_log import AuditLogDatabase
from app.storage.backtests import BacktestsDatabase
from app.storage.cards import CardsDatabase
from app.storage.coupons import CouponsDatabase
from app.storage.customers import CustomersDatabase
from app.storage.draws import DrawsDatabase
from app.storage.engine import Database
from app.storage.feed import FeedDatabase
from app.storage.housekeeping import Housekeeping
from app.storage.key_rounds import KeysDatabase, fresh_key
from app.storage.ledger import LedgerDatabase
from app.storage.prize_draws import PrizeDrawsDatabase
from app.storage.reads import ReadsDatabase
from app.storage.roots import RootsDatabase
from app.storage.segments import SegmentsDatabase
from app.storage.self_audit import SelfAuditDatabase
from app.telemetry import METRICS, Metrics, Thinned
from app.vault import KeyringVault
from app.wiring_abuse import guards_of, velocity_of
from app.wiring_confirmation import adjustments_on, confirming_on
from app.wiring_offline import lookups_on, offline_on
from app.wiring_people import overseeing_people, sessions_on, signing_in
from app.wiring_personal import cards_of, personal_data

_log = structlog.get_logger("app.flows")


class Watch:
    """The ports `RoundWatch`, `CacheWatch` and `AuditWatch` on metrics and log; one warning a second and kind of fault,
    without data.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._faults = Thinned(_log, ticks=time.monotonic)

    def round_done(self, *, size: int, seconds: float) -> None:
        self._metrics.round_posted(size=size, seconds=seconds)

    def round_redone(self) -> None:
        self._metrics.round_redone()

    def round_failed(self, error: BaseException, *, retried: int) -> None:
        self._metrics.round_failed(retried=retried)
        if isinstance(error, DrawSecretDiffers):
            why = "another SECRETS_FILE draws the tickets of this database"
            _log.error("draw_secret_differs", day=error.day.isoformat(), why=why)
        self._faults.warning("round_failed", error=type(error).__name__, retried=retried)

    def posted(self, postings: Sequence[Chained]) -> None:
        for chained in postings:
            if chained.posting.kind in (TxKind.PURCHASE, TxKind.REDEEM, TxKind.EVENT, TxKind.CAPTURE):
                for entry in chained.posting.entries:
                    if entry.account is Account.ISSUED:
                        self._metrics.points_issued(wallet=entry.wallet, units=-entry.amount)
                    elif entry.account is Account.REDEEMED:
                        self._metrics.points_redeemed(wallet=entry.wallet, units=entry.amount)

    def cache_hit(self, kind: str) -> None:
        self._metrics.cache_hit(kind)

    def cache_miss(self, kind: str) -> None:
        self._metrics.cache_miss(kind)

    def cache_fault(self, kind: str, error: BaseException) -> None:
        self._metrics.cache_fault(kind)
        self._faults.warning("cache_fault", error=type(error).__name__)

    def finding(self, *, check: str, customer: str | None) -> None:
        _log.error("audit_finding", check=check, customer=customer)

    def findings_left_out(self, count: int) -> None:
        _log.error("audit_findings", left_out=count)


@asynccontextmanager
async def open_service(
    settings: Settings, keyring: Keyring, *, database_url: str, redis_url: str | None
) -> AsyncIterator[Loyalty]:
    """The whole service on a database and a cache (None: without one); closed after the last write under way.

    Raises:
        DatabaseGone, UnsafeDatabase
    """
    database = Database(database_url, allow_unsafe=settings.allow_unsafe_database)
    await database.open()
    snapshots = snapshots_of(keyring, database, redis_url)
    try:
        await Housekeeping(database).ensure_partitions()
        clock = DatabaseClock()
        async with log_on(database, part="serve", clock=clock) as audit:
            service = Loyalty(
                _assemble(settings, keyring, database, snapshots, clock=clock, audit=audit, database_url=database_url)
            )
            yield service
            await service.drain()
    finally:
        await snapshots.close()
        await database.close()


def snapshots_of(keyring: Keyring, database: Database, redis_url: str | None) -> RedisSnapshots | NoSnapshots:
    if redis_url is None:
        return NoSnapshots()
    return RedisSnapshots(redis_url, key=keyring.cache, identity=lambda: database.identity, watch=Watch(METRICS))


def _assemble(
    settings: Settings,
    keyring: Keyring,
    database: Database,
    snapshots: Snapshots,
    *,
    clock: DatabaseClock,
    audit: AuditLog,
    database_url: str,
) -> UseCases:
    vault = KeyringVault(keyring)
    answers = JsonAnswers()
    reads = ReadsDatabase(database)
    store = LedgerDatabase(database)
    codes = CouponsDatabase(database)
    making: Once[CouponTx] = Once(codes, answers=answers)
    plastic = CardsDatabase(database)
    groups = SegmentsDatabase(database)
    keys = KeysDatabase(database)
    grouping: Once[SegmentTx] = Once(groups, answers=answers)
    once: Once[CustomerTx] = Once(CustomersDatabase(database), answers=answers)
    shelf = ProgramShelf(reads, clock=clock)
    limits = AtLimits(timedelta(hours=settings.at_max_age_hours) if settings.at_max_age_hours else None)
    rounds = Rounds(store, programs=shelf, answers=answers, snapshots=snapshots, clock=clock, watch=Watch(METRICS))
    velocity, guards = velocity_of(settings), guards_of(settings, database, clock=clock, answers=answers)
    customers = ReadCustomer(reads, snapshots=snapshots, programs=shelf, vault=vault, clock=clock)
    points = MovePoints(rounds, vault=vault, answers=answers, velocity=velocity)
    sessions = sessions_on(database)
    return UseCases(
        vault=vault,
        rounds=rounds,
        purchases=RecordPurchase(
            rounds, programs=shelf, vault=vault, answers=answers, clock=clock, limits=limits, velocity=velocity
        ),
        points=points,
        adjustments=adjustments_on(
            settings, database, points, programs=shelf, customers=customers, vault=vault, answers=answers
        ),
        confirming=confirming_on(
            settings, database, programs=shelf, customers=customers, vault=vault, clock=clock, answers=answers
        ),
        guards=guards,
        audit=audit,
        deeds=ReadAuditLog(AuditLogDatabase(database)),
        events=PostEvent(rounds, vault=vault, answers=answers, limits=limits),
        offline=offline_on(
            settings,
            keyring,
            rounds,
            store=store,
            database=database,
            programs=shelf,
            answers=answers,
            budget=guards.budget,
            watch=guards.offline,
        ),
        lookups=lookups_on(settings, keyring, customers, programs=shelf, clock=clock),
        returns=ReturnLines(rounds, store=store, programs=shelf, answers=answers, any_shop=settings.returns_any_shop),
        holds=PlaceHold(
            rounds, programs=shelf, vault=vault, answers=answers, clock=clock, limits=limits, velocity=velocity
        ),
        hold_ends=ResolveHold(rounds, answers=answers),
        held=ReadHold(reads),
        keeper=KeepCustomer(
            once,
            reader=customers,
            snapshots=snapshots,
            programs=shelf,
            vault=vault,
            answers=answers,
            sealed=SealedAnswers(vault, customers=customers),
            clock=clock,
        ),
        cards=cards_of(plastic, customers=customers, vault=vault, snapshots=snapshots, answers=answers),
        personal=personal_data(database, customers=customers, vault=vault, snapshots=snapshots, answers=answers),
        gift_cards=_gift_cards(
            plastic, reads, programs=shelf, vault=vault, snapshots=snapshots, clock=clock, answers=answers
        ),
        quotes=QuoteBasket(customers, reads=reads, programs=shelf, vault=vault, clock=clock, limits=limits),
        customers=customers,
        records=ReadPurchase(reads, programs=shelf, sealed=SealedAnswers(vault, customers=customers)),
        coupons=KeepCoupons(making, vault=vault, answers=answers, choose=secrets.choice),
        codes=ReadCoupons(codes, programs=shelf),
        draws=ReadDraws(DrawsDatabase(database), programs=shelf, vault=vault),
        callers=Callers(keys, env=settings.key_env),
        sessions=sessions,
        people=overseeing_people(database, sessions=sessions, answers=answers),
        signing_in=signing_in(settings, keyring, database),
        keys=KeepKeys(Once(keys, answers=answers), keys, make=lambda: fresh_key(settings.key_env), answers=KeyBytes()),
        prize_draws=_prize_draws(PrizeDrawsDatabase(database), vault=vault, answers=answers),
        segments=KeepSegments(grouping, groups, groups, vault=vault, snapshots=snapshots, answers=answers),
        feed=ReadEvents(FeedDatabase(database)),
        programs=PublishProgram(
            once,
            reads,
            shelf=shelf,
            answers=answers,
            tried_within=timedelta(hours=settings.publish_backtest_hours),
        ),
        trials=_trials(once, database, database_url=database_url),
        books=WatchBooks(SelfAuditDatabase(database)),
        roots=LedgerRoots(RootsDatabase(database)),
        reads=reads,
        snapshots=snapshots,
        schema_head=migrate.head(),
    )


def _trials(once: Once[CustomerTx], database: Database, *, database_url: str) -> TryDraft:
    return TryDraft(
        once,
        BacktestsDatabase(database),
        start=Beside(database_url).start_backtest,
        answer=lambda backtest_id: to_bytes({"id": backtest_id}),
    )


def _gift_cards(
    cards: CardsDatabase,
    reads: ReadsDatabase,
    *,
    programs: ProgramShelf,
    vault: KeyringVault,
    snapshots: Snapshots,
    clock: DatabaseClock,
    answers: JsonAnswers,
) -> KeepGiftCards:
    return KeepGiftCards(
        Once(cards, answers=answers),
        cards,
        reads,
        programs=programs,
        vault=vault,
        snapshots=snapshots,
        clock=clock,
        luck=secrets.randbelow,
        numbers_answer=gift_card_numbers_bytes,
        answer=gift_card_bytes,
    )


def _prize_draws(draws: PrizeDrawsDatabase, *, vault: KeyringVault, answers: JsonAnswers) -> RunPrizeDraws:
    return RunPrizeDraws(
        Once(draws, answers=answers), draws, vault=vault, answer=lambda draw: to_bytes(prize_draw_document(draw))
    )
