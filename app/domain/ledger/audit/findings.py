"""The list of checks by their stable names, and what one of them has to say."""

from dataclasses import dataclass, field
from enum import StrEnum


class Check(StrEnum):
    """Names are stable: what watches the audit goes by them."""

    # Entries and the transactions they belong to.
    ENTRY_SUM = "entry_sum"  # The entries of a transaction sum to 0 in each wallet.
    ENTRY_ORDER = "entry_order"  # They are numbered 1 to n.
    ENTRY_ACCOUNT = "entry_account"  # They stand on accounts that the kind of transaction uses.
    ENTRY_LOT = "entry_lot"  # On the customer's side they name a lot of that customer and wallet, or are a debt.
    ENTRY_WITHOUT_TX = "entry_without_tx"
    # Transactions.
    TX_VERSION = "tx_version"  # A customer's versions run from 1 without gap or repeat.
    TX_HASH = "tx_hash"  # SHA-256 over the hash before and the canonical form.
    TX_TIME = "tx_time"  # `created_at` never runs back from one version to the next.
    TX_REPEATED = "tx_repeated"  # No two transactions share an id.
    TX_PROGRAM = "tx_program"  # The program it was decided by exists and can be read.
    TX_PARENT = "tx_parent"  # A return answers an earlier purchase, a capture or release a hold, nothing else anything.
    TX_WITHOUT_EVENT = "tx_without_event"  # At least one event has its customer and version.
    TIER_WITHOUT_TX = "tier_without_tx"  # A tier that changed names the version that changed it.
    TX_CLAIMS = "tx_claims"  # Its idempotency key and its receipt are claimed once each.
    EVENT_WITHOUT_TX = "event_without_tx"
    CLAIM_WITHOUT_ANSWER = "claim_without_answer"  # A key under 30 days old has its answer, a receipt its tx.
    # Customers.
    CUSTOMER_MISSING = "customer_missing"  # Postings and lots belong to somebody.
    CUSTOMER_VERSION = "customer_version"  # The stored version is that of the last posting.
    CUSTOMER_HEAD = "customer_head"  # The stored head is its hash.
    CUSTOMER_UPDATED = "customer_updated"  # `updated_at` is its time.
    CUSTOMER_BALANCE = "customer_balance"  # Available, pending and held are the sums of the entries.
    CUSTOMER_FLOOR = "customer_floor"  # The floor is 0, or the debt that there is.
    CUSTOMER_DUE = "customer_due"  # `due_at` is not later than the first change that time brings, a hold's end too.
    CUSTOMER_PAID = "customer_paid"  # Money paid less money refunded.
    CUSTOMER_PURCHASES = "customer_purchases"  # Purchases that are not wholly returned.
    CUSTOMER_UNITS = "customer_units"  # Units accrued to the default wallet, less the share of what was returned.
    CUSTOMER_LAST_PURCHASE = "customer_last_purchase"  # The latest of those purchases.
    CUSTOMER_HOLDS = "customer_holds"  # As many holds as are open.
    CUSTOMER_MEMORY = "customer_memory"  # What the row remembers can be read.
    CUSTOMER_COUNTER = "customer_counter"  # Counters are what purchases and acts took, less what was given back.
    CUSTOMER_SLIPS = "customer_slips"  # Slips are those that whole returns left and no later draw took over.
    CUSTOMER_WINDOW = "customer_window"  # Days and years that tiers look through are the sums of their purchases.
    # Lots and debts.
    LOT_REMAINING = "lot_remaining"  # What is left is the sum of the lot's entries.
    LOT_HELD = "lot_held"  # What is set aside of it is what its entries left on the held side.
    LOT_NEGATIVE = "lot_negative"  # No entry takes out of a lot more than it had.
    LOT_PENDING = "lot_pending"  # The flag names the account that the units stand on.
    LOT_TX = "lot_tx"  # The lot was made by the transaction it names.
    LOT_DATES = "lot_dates"  # Activation and expiry are those of the rule, the wallet or the gift card.
    CONVERSION = "conversion"  # Full sets convert as the program says, and no posting leaves one.
    DEBT = "debt"  # Made by returns where the wallet allows it, and offline; only while no active lot has units.
    # Holds.
    HOLD_MISSING = "hold_missing"  # A posting that places or ends a hold has it.
    HOLD_WITHOUT_TX = "hold_without_tx"
    HOLD_FACTS = "hold_facts"  # Shop, terminal, program and time are the posting's, the end is later.
    HOLD_UNITS = (
        "hold_units"  # What it set aside went to the held side, and all of it left by the posting that ended it.
    )
    HOLD_LINES = "hold_lines"  # Lines of a held basket can be read, and redeem what is set aside.
    HOLD_RESOLVED = "hold_resolved"  # At most one posting ended it, the one that it names.
    HOLD_STATE = "hold_state"  # Captured by a capture, released by a call, expired by time at its instant.
    HOLD_SPENT = "hold_spent"  # What a capture took for good is what the purchase says.
    # Purchases.
    PURCHASE_MISSING = "purchase_missing"  # A transaction of kind purchase has its purchase.
    PURCHASE_WITHOUT_TX = "purchase_without_tx"
    PURCHASE_FACTS = "purchase_facts"  # Shop, terminal, program and time are the transaction's.
    PURCHASE_ACCRUED = "purchase_accrued"  # Lines accrued what the transaction issued.
    PURCHASE_REDEEMED = "purchase_redeemed"  # Lines redeemed what the transaction redeemed.
    PURCHASE_TAKEN_BACK = "purchase_taken_back"  # Lines lost what the returns took.
    PURCHASE_GIVEN_BACK = "purchase_given_back"  # Lines got back what the returns gave.
    PURCHASE_LINES = "purchase_lines"  # Lines can be read, and nothing came back that was not there.
    PURCHASE_ALL_BACK = "purchase_all_back"  # The flag says whether every line is.
    PURCHASE_SHARES = "purchase_shares"  # What came back is the returned share, rounded half-up.
    PURCHASE_RETURNED = "purchase_returned"  # Lines are returned where a return was posted, and only there.
    PURCHASE_ANSWER = "purchase_answer"  # The answer that was sent says what was posted.
    PURCHASE_USES = "purchase_uses"  # Uses can be read, and so much was given back as came back of the lines.
    PURCHASE_DRAWS = "purchase_draws"  # Draws can be read.
    ACT_WITHOUT_TX = "act_without_tx"
    # Days' roots.
    HEAD_MISSING = "head_missing"  # A chain that went on in a closed day has its head under that day's root.
    HEAD_POSTING = "head_posting"  # A head is its chain's last posting of the day, by version and hash.
    HEAD_PLACE = "head_place"  # Heads are numbered from 0 in the order of customers and transactions.
    HEAD_WITHOUT_ROOT = "head_without_root"
    ROOT_WINDOW = "root_window"  # A day begins where the one before ended.
    ROOT_PREVIOUS = "root_previous"  # A root is over the one before.
    ROOT_TREE = "root_tree"  # Its tree is that of its heads.
    ROOT_HASH = "root_hash"  # It is the hash of the one before, the day and the tree.
    ROOT_KEPT = "root_kept"  # It is the one that somebody has kept.
    # The audit log.
    LOG_PLACE = "log_place"  # Rows of a chain are numbered from 1 without gap.
    LOG_HASH = "log_hash"  # SHA-256 over the hash before and the canonical form.
    LOG_FORM = "log_form"  # A row is one that the service could have written.
    LOG_TIME = "log_time"  # A row is later than the one before.
    LOG_HEAD = "log_head"  # A head that another chain, or somebody, has kept stands in its chain: no end is cut off.
    # Keys and people.
    KEY_UNNOTED = "key_unnoted"  # The audit log tells who made a live key, an hour later at most.
    PERSON_UNNOTED = "person_unnoted"  # Likewise of an account that isn't disabled.
    # The program.
    PROGRAM_COUNTER = "program_counter"  # Counters are what all purchases and acts took, less what was given back.


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement; `customer` and `tx` are ids where there is one."""

    check: Check
    customer: str | None
    tx: str | None
    expected: str
    found: str


@dataclass(slots=True)
class Notes:
    """Findings about one customer, in the order found."""

    customer: str | None
    findings: list[Finding] = field(default_factory=list)

    def add(self, check: Check, tx: str | None, *, expected: object, found: object) -> None:
        self.findings.append(Finding(check, self.customer, tx, str(expected), str(found)))

    def compare(self, check: Check, tx: str | None, *, expected: object, found: object) -> None:
        """A finding where the two differ."""
        if expected != found:
            self.add(check, tx, expected=expected, found=found)
