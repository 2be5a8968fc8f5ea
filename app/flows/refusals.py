"""The "no"s that several flows say, each sentence once."""

from app.domain.rejections import Fault, Rejected, Rejection

BUSY_RETRY_MS = 500  # A round or two: what stands in the way is over by then.
DATABASE_GONE = "The database can't be reached."


def no_customer() -> Rejected:
    return Rejected(Rejection.CUSTOMER_NOT_FOUND, "No customer has this identifier.")


def no_purchase() -> Rejected:
    """Also for another shop's: a till learns nothing of it."""
    return Rejected(Rejection.NOT_FOUND, "There is no such purchase.")


def no_hold() -> Rejected:
    """Likewise."""
    return Rejected(Rejection.NOT_FOUND, "There is no such hold.")


def blocked() -> Rejected:
    return Rejected(Rejection.CUSTOMER_BLOCKED, "The customer is blocked.")


def erased() -> Rejected:
    return Rejected(Rejection.CUSTOMER_BLOCKED, "The customer was erased: nothing may be added to the books.")


def frozen() -> Rejected:
    return Rejected(
        Rejection.CUSTOMER_BLOCKED, "The customer's books are being checked: nothing may be taken from them for now."
    )


def no_program() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "No program has been published yet.")


def no_coupon() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "There is no such coupon.")


def no_segment() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "There is no such segment.")


def no_wallet() -> Rejected:
    fault = Fault("/wallet", "unknown_wallet", "must be a wallet of the program")
    return Rejected(Rejection.VALIDATION_ERROR, "The program has no such wallet.", faults=(fault,))


def no_version() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "There is no such version of the program.")


def key_running() -> Rejected:
    return Rejected(
        Rejection.REQUEST_IN_PROGRESS,
        "A request with this key is still running.",
        facts={"retry_after_ms": BUSY_RETRY_MS},
    )


def key_reused() -> Rejected:
    return Rejected(Rejection.IDEMPOTENCY_KEY_REUSED, "This key was used for another request.")


def busy(detail: str) -> Rejected:
    return Rejected(Rejection.BUSY, detail, facts={"retry_after_ms": BUSY_RETRY_MS})


def unavailable(detail: str = DATABASE_GONE) -> Rejected:
    return Rejected(Rejection.UNAVAILABLE, detail)
