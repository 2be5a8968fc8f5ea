"""What people may ask about their own data, in one place: consents, a copy of everything, erasure."""

from dataclasses import dataclass

from app.flows.erase_customer import EraseCustomer
from app.flows.export_customer import ExportCustomer
from app.flows.keep_consents import ReadConsents


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    erasing: EraseCustomer
    exporting: ExportCustomer
    consents: ReadConsents
