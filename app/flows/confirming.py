"""The use cases of confirming redemptions and cards, together."""

from dataclasses import dataclass

from app.flows.app_codes import AppCodes, KeepAppCodes
from app.flows.confirm import ConfirmRedemptions
from app.flows.confirm_cards import ConfirmCards


@dataclass(frozen=True, slots=True)
class Confirming:
    redemptions: ConfirmRedemptions
    cards: ConfirmCards
    app_codes: AppCodes
    access: KeepAppCodes
