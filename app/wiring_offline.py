"""What `wiring` puts together for tills without connection: what they may take, and the receipts they bring."""

from datetime import timedelta

from app.api.answers import JsonAnswers
from app.api.offline import results_bytes
from app.clock import DatabaseClock
from app.config import Settings
from app.flows.offline_allowance import AllowanceTerms, LookUpCustomer
from app.flows.offline_sale import OfflineSales
from app.flows.ports_offline import OfflineBudget, OfflineWatch
from app.flows.post_offline import PostOffline
from app.flows.publish_program import ProgramShelf
from app.flows.read_customer import ReadCustomer
from app.flows.rounds import Rounds
from app.keyring import Keyring
from app.storage.engine import Database
from app.storage.ledger import LedgerDatabase
from app.storage.offline import OfflineDatabase
from app.vault import KeyringAllowances, KeyringVault


def lookups_on(
    settings: Settings, keyring: Keyring, customers: ReadCustomer, *, programs: ProgramShelf, clock: DatabaseClock
) -> LookUpCustomer:
    valid_for = timedelta(hours=settings.offline_allowance_hours)
    return LookUpCustomer(
        customers,
        programs=programs,
        vault=KeyringVault(keyring),
        clock=clock,
        keys=KeyringAllowances(keyring),
        terms=AllowanceTerms(units_max=settings.offline_allowance_units, valid_for=valid_for),
    )


def offline_on(
    settings: Settings,
    keyring: Keyring,
    rounds: Rounds,
    *,
    store: LedgerDatabase,
    database: Database,
    programs: ProgramShelf,
    answers: JsonAnswers,
    budget: OfflineBudget,
    watch: OfflineWatch,
) -> PostOffline:
    days, vault = settings.offline_max_age_days, KeyringVault(keyring)
    return PostOffline(
        rounds,
        store=store,
        versions=OfflineDatabase(database),
        programs=programs,
        sales=OfflineSales(
            vault=vault,
            answers=answers,
            allowances=KeyringAllowances(keyring),
            age_max=timedelta(days=days) if days else None,
        ),
        vault=vault,
        answers=answers,
        results=results_bytes,
        budget=budget,
        watch=watch,
    )
