"""All use cases of the service, put together once: `app.flows.loyalty` hands each call to the one it belongs to."""

from dataclasses import dataclass

from app.flows.callers import Callers
from app.flows.confirm_adjustments import ConfirmAdjustments
from app.flows.confirming import Confirming
from app.flows.guards import Guards
from app.flows.keep_cards import KeepCards
from app.flows.keep_coupons import KeepCoupons
from app.flows.keep_customer import KeepCustomer
from app.flows.keep_gift_cards import KeepGiftCards
from app.flows.keep_keys import KeepKeys
from app.flows.keep_segments import KeepSegments
from app.flows.ledger_roots import LedgerRoots
from app.flows.move_points import MovePoints
from app.flows.offline_allowance import LookUpCustomer
from app.flows.oversee_people import OverseePeople
from app.flows.personal_data import PersonalData
from app.flows.place_hold import PlaceHold
from app.flows.ports import Snapshots, Vault
from app.flows.ports_audit_log import AuditLog
from app.flows.ports_customers import Reads
from app.flows.post_event import PostEvent
from app.flows.post_offline import PostOffline
from app.flows.publish_program import PublishProgram
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
from app.flows.sessions import Sessions
from app.flows.sign_in import SignIn
from app.flows.try_draft import TryDraft
from app.flows.watch_books import WatchBooks


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    vault: Vault
    callers: Callers
    sessions: Sessions
    signing_in: SignIn
    people: OverseePeople
    guards: Guards
    keys: KeepKeys
    rounds: Rounds
    purchases: RecordPurchase
    points: MovePoints
    events: PostEvent
    returns: ReturnLines
    holds: PlaceHold
    hold_ends: ResolveHold
    held: ReadHold
    offline: PostOffline
    lookups: LookUpCustomer
    keeper: KeepCustomer
    cards: KeepCards
    personal: PersonalData
    confirming: Confirming
    gift_cards: KeepGiftCards
    quotes: QuoteBasket
    customers: ReadCustomer
    records: ReadPurchase
    programs: PublishProgram
    trials: TryDraft
    coupons: KeepCoupons
    codes: ReadCoupons
    draws: ReadDraws
    prize_draws: RunPrizeDraws
    segments: KeepSegments
    feed: ReadEvents
    books: WatchBooks
    roots: LedgerRoots
    adjustments: ConfirmAdjustments
    audit: AuditLog
    deeds: ReadAuditLog
    reads: Reads
    snapshots: Snapshots
    schema_head: str
