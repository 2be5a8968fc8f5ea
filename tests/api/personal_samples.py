"""What is kept of a person, as the service tells it."""

from uuid import UUID

from app.flows.erase_customer import AskedBy, Erasure, Ground
from app.flows.export_customer import (
    Export,
    ExportedAct,
    ExportedAlert,
    ExportedCoupon,
    ExportedEntry,
    ExportedPurchase,
    Kept,
)
from app.flows.keep_consents import ConsentRecord
from tests.api import hold_samples, samples


def erasure() -> Erasure:
    return Erasure(samples.CUSTOMER, samples.NOON, "k-support", AskedBy.CUSTOMER, samples.NOON, Ground.GDPR)


def consent() -> ConsentRecord:
    return ConsentRecord(
        id=UUID(int=9),
        purpose="marketing",
        given=True,
        at=samples.NOON,
        version="3",
        channel="till",
        text_hash=None,
        recorded_at=samples.NOON,
        recorded_by="k-till",
    )


def export() -> Export:
    purchase = ExportedPurchase(samples.PURCHASE, "S1", "T1", samples.NOON, b"{}", b'{"lines":[]}', {"1": 1500})
    return Export(
        profile=samples.profile(),
        card_types={},
        kept=Kept(
            postings=samples.history().items,
            purchases=[purchase],
            holds=[hold_samples.view()],
            acts=[ExportedAct(samples.PURCHASE, "review", samples.NOON, b'{"stars":5}')],
            entries=[ExportedEntry("spring", 3, samples.PURCHASE)],
            consents=[consent()],
            coupons=[ExportedCoupon("ANNA10", None, 1, is_given=False, is_blocked=False, created_at=samples.NOON)],
            alerts=[ExportedAlert("same_customer", "S1", "T1", samples.NOON.date(), samples.NOON, 3, "new")],
            erasure=None,
            is_last=True,
            is_complete=True,
        ),
        next=None,
    )
