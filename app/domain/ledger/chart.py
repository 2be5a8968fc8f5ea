"""The list of account kinds, and what kinds of transaction there are.

| kind | from | to |
| --- | --- | --- |
| purchase | `program:issued` (accrual), `customer:available` (redemption) | the customer, `program:redeemed` |
| redeem | `customer:available` | `program:redeemed` |
| return | `customer:*` (taken back), `program:returned` (given back) | `program:returned`, `customer:available` |
| activate | `customer:pending` | `customer:available` |
| expire | `customer:available`, `customer:pending` | `program:expired` |
| adjust | `program:adjusted` or the customer | the other of the two |
| event | `program:issued` (another act's reward, a gift card's load), `customer:available` (a cost) | as a purchase |
| hold | `customer:available` | `customer:held` |
| capture | `customer:held` (redemption), `program:issued` (accrual) | `program:redeemed`, the customer |
| capture, release | `customer:held` (what isn't captured) | `customer:available` |
| any | `customer:available` (full sets), `program:converted` (what they become) | the other of the two |

A positive amount on `customer:*` adds to the balance. A posting may expire what it has just given, or given back: a lot
that had ended before it arrived. Full sets of a converting wallet are converted by the posting that filled them. System
accounts have entries and no balance row, so no row is hot.
"""

from enum import StrEnum


class Account(StrEnum):
    __hash__ = str.__hash__  # Enum's own is a call of Python's for each look-up by account.

    AVAILABLE = "customer:available"
    PENDING = "customer:pending"
    HELD = "customer:held"
    ISSUED = "program:issued"
    REDEEMED = "program:redeemed"
    EXPIRED = "program:expired"
    RETURNED = "program:returned"
    ADJUSTED = "program:adjusted"
    CONVERTED = "program:converted"


class TxKind(StrEnum):
    __hash__ = str.__hash__  # Likewise.

    PURCHASE = "purchase"
    REDEEM = "redeem"
    RETURN = "return"
    ACTIVATE = "activate"
    EXPIRE = "expire"
    ADJUST = "adjust"
    EVENT = "event"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
