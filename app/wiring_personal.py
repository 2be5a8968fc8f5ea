"""What `wiring` puts together of personal data: customers' cards, and what customers may ask about themselves."""

import secrets
from collections.abc import Mapping, Sequence

from app.api.answers import JsonAnswers
from app.api.cards import card_bytes
from app.api.erasure import erasure_bytes
from app.flows.erase_customer import EraseCustomer
from app.flows.export_customer import ExportCustomer
from app.flows.keep_cards import KeepCards
from app.flows.keep_consents import ReadConsents
from app.flows.ledger_port import Patron
from app.flows.once import Once
from app.flows.personal_data import PersonalData
from app.flows.ports import Snapshots, Vault
from app.flows.read_customer import ReadCustomer
from app.flows.sealed_answers import SealedAnswers
from app.storage.cards import CardsDatabase
from app.storage.consents import ConsentsDatabase
from app.storage.engine import Database
from app.storage.erasures import ErasuresDatabase
from app.storage.exports import ExportsDatabase
from app.wrapped_keys import UnknownMaster


def cards_of(
    cards: CardsDatabase, *, customers: ReadCustomer, vault: Vault, snapshots: Snapshots, answers: JsonAnswers
) -> KeepCards:
    return KeepCards(
        Once(cards, answers=answers),
        vault=vault,
        snapshots=snapshots,
        answer=card_bytes,
        sealed=SealedAnswers(vault, customers=customers),
        luck=secrets.randbelow,
    )


def erasing_on(database: Database, *, snapshots: Snapshots, answers: JsonAnswers, vault: Vault) -> EraseCustomer:
    erasures = ErasuresDatabase(database)

    def consents(patron: Patron) -> Sequence[Mapping[str, object]]:
        try:
            return vault.open(patron.book.customer_id, patron.profile).consents
        except UnknownMaster:  # Whom nobody can read any more can be erased all the same.
            return ()

    return EraseCustomer(
        Once(erasures, answers=answers), erasures, snapshots=snapshots, answer=erasure_bytes, consents=consents
    )


def personal_data(
    database: Database, *, customers: ReadCustomer, vault: Vault, snapshots: Snapshots, answers: JsonAnswers
) -> PersonalData:
    return PersonalData(
        erasing=erasing_on(database, snapshots=snapshots, answers=answers, vault=vault),
        exporting=ExportCustomer(ExportsDatabase(database), customers=customers, vault=vault),
        consents=ReadConsents(ConsentsDatabase(database), customers=customers),
    )
