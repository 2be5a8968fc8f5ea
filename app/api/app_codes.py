"""The call that lets a customer's app show codes."""

from base64 import b32encode

from pydantic import Field

from app.api.answers import to_bytes
from app.api.answers_schema import AnswerBody, Id
from app.api.calls import ADMINS, Call, Operation
from app.domain.one_time_codes import DIGITS, STEP_SECONDS
from app.domain.rejections import Rejection
from app.flows.app_codes import AppAccess
from app.flows.requests import Answer

_ABOUT = f"""\
For the app's own server, once the app has made sure whom it serves. A code is `number`, then the {DIGITS} digits of \
TOTP (RFC 6238: HMAC-SHA-1, {STEP_SECONDS} seconds) by `secret`; tills send it as `{{"customer": {{"code": "…"}}}}`. \
It is good for its step, the one before and the one after. Look-ups and quotes leave it as it is; the first write uses \
it up, for its receipt. A number has 10 wrong codes in 10 minutes. Made once more, the number and secret before are \
worth nothing. A repetition with the same Idempotency-Key answers with `number` and `secret` null.
"""


class AppAccessAnswer(AnswerBody):
    customer: Id
    number: str | None = Field(examples=["493027718"], description="What the customer's codes begin with.")
    secret: str | None = Field(
        examples=["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"], description="Base32 (RFC 4648); shown this once."
    )
    algorithm: str = Field(examples=["SHA1"])
    digits: int = Field(examples=[DIGITS])
    period: int = Field(examples=[STEP_SECONDS], description="Seconds of a step.")


def app_access_bytes(access: AppAccess) -> bytes:
    return to_bytes(
        {
            "customer": access.customer,
            "number": access.number,
            "secret": None if access.secret is None else b32encode(access.secret).decode(),
            "algorithm": "SHA1",
            "digits": DIGITS,
            "period": STEP_SECONDS,
        }
    )


async def make_app_access(call: Call) -> Answer:
    return await call.service.make_app_access(call.as_write, call.id(Rejection.CUSTOMER_NOT_FOUND))


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/customers/{id}/app-code",
        name="make_app_access",
        summary="Give a customer's app the secret of its short-lived codes",
        description=_ABOUT,
        tag="Customers",
        handler=make_app_access,
        roles=ADMINS,
        answers={201: AppAccessAnswer},
        refusals=(Rejection.CUSTOMER_NOT_FOUND,),
        is_write=True,
    ),
)
