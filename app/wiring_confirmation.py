"""What `wiring` puts together of confirming: customers their redemptions, by codes that are sent and by their apps'; a
second person the adjustments of the first.
"""

import secrets
from datetime import UTC, datetime

from app.api.adjustments import ADJUSTMENT_ANSWERS
from app.api.answers import JsonAnswers
from app.api.app_codes import app_access_bytes
from app.channels.file_sink import FileSink
from app.channels.smtp import SmtpChannel
from app.config import Settings
from app.flows.app_codes import AppCodes, KeepAppCodes
from app.flows.challenges import Challenges
from app.flows.confirm import ConfirmRedemptions
from app.flows.confirm_adjustments import ConfirmAdjustments
from app.flows.confirm_cards import ConfirmCards
from app.flows.confirming import Confirming
from app.flows.courier import Courier
from app.flows.ledger_port import RoundTx
from app.flows.move_points import MovePoints
from app.flows.once import Once
from app.flows.ports import Clock, Programs, Vault
from app.flows.ports_confirmation import ChallengeLimits
from app.flows.ports_messages import Messages
from app.flows.read_customer import ReadCustomer
from app.storage.adjustments import AdjustmentsDatabase
from app.storage.challenges import ChallengesDatabase
from app.storage.engine import Database

MESSAGES_FILE = "messages.jsonl"
TEN_MINUTES_A_DAY = 4  # A customer gets four windows' worth of codes a day: 20 of 5.


def confirming_on(
    settings: Settings,
    database: Database,
    *,
    programs: Programs,
    customers: ReadCustomer,
    vault: Vault,
    clock: Clock,
    answers: JsonAnswers,
) -> Confirming:
    store = ChallengesDatabase(database)
    app_codes = AppCodes(store, vault=vault, clock=clock)
    most = settings.challenges_customer_max
    challenges = Challenges(
        Once[RoundTx](store, answers=answers),
        store,
        customers=customers,
        vault=vault,
        courier=Courier(_channel(settings)),
        limits=ChallengeLimits(
            customer=most, terminal=settings.challenges_terminal_max, customer_a_day=most * TEN_MINUTES_A_DAY
        ),
        luck=secrets.randbelow,
    )
    return Confirming(
        redemptions=ConfirmRedemptions(challenges, app_codes=app_codes, customers=customers),
        cards=ConfirmCards(challenges, programs=programs, vault=vault),
        app_codes=app_codes,
        access=KeepAppCodes(
            Once(store, answers=answers),
            vault=vault,
            answer=app_access_bytes,
            luck=secrets.randbelow,
            random=secrets.token_bytes,
        ),
    )


def adjustments_on(
    settings: Settings,
    database: Database,
    points: MovePoints,
    *,
    programs: Programs,
    customers: ReadCustomer,
    vault: Vault,
    answers: JsonAnswers,
) -> ConfirmAdjustments:
    store = AdjustmentsDatabase(database)
    return ConfirmAdjustments(
        Once(store, answers=answers),
        store,
        points,
        programs=programs,
        customers=customers,
        vault=vault,
        answers=ADJUSTMENT_ANSWERS,
        above=settings.adjust_confirm_above,
    )


def _channel(settings: Settings) -> Messages:
    if settings.smtp_url is not None:
        return SmtpChannel(settings.smtp_url, sender=settings.smtp_from)
    return FileSink(settings.data_dir / MESSAGES_FILE, now=lambda: datetime.now(UTC))
