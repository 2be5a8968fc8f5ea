"""What is sent and answered about erasures and consents."""

from pydantic import Field

from app.api.answers_schema import AnswerBody
from app.api.answers_schema import Id as AnswerId
from app.api.answers_schema import Instant as AnswerInstant
from app.api.fields import Body, Instant
from app.flows.erase_customer import AskedBy, Erasure, Ground
from app.flows.keep_consents import ConsentRecord


class EraseBody(Body):
    """For the record that stays: who asked, when, by which law."""

    asked_by: AskedBy = Field(default=AskedBy.CUSTOMER, strict=False)
    asked_at: Instant | None = Field(default=None, description="When it was asked for; laws count days from then.")
    ground: Ground = Field(
        default=Ground.UNSTATED,
        strict=False,
        description="gdpr_17: Regulation (EU) 2016/679, article 17. ru_152fz: Russian law 152-FZ, articles 14, 20, 21.",
    )


class ErasureAnswer(AnswerBody):
    customer: AnswerId
    erased_at: AnswerInstant
    erased_by: str = Field(description="The id of the key or person.")
    asked_by: str
    asked_at: AnswerInstant | None
    ground: str


class KeptErasureAnswer(ErasureAnswer):
    tidied_at: AnswerInstant | None = Field(
        description="When the last purchase was freed of tags, birthdays and masks; null while that goes on."
    )


class ErasuresAnswer(AnswerBody):
    items: list[KeptErasureAnswer]
    next: str | None


class ConsentAnswer(AnswerBody):
    purpose: str = Field(examples=["marketing"])
    given: bool = Field(description="false: withdrawn, or refused.")
    at: AnswerInstant = Field(description="When the customer said so.")
    version: str | None = Field(description="Of the text.")
    channel: str | None
    text_hash: str | None
    recorded_at: AnswerInstant
    recorded_by: str = Field(description="The id of the key that told of it, or `earlier release`.")


class ConsentsAnswer(AnswerBody):
    items: list[ConsentAnswer]
    next: str | None


def erasure_document(erasure: Erasure) -> dict[str, object]:
    return {
        "customer": erasure.customer,
        "erased_at": erasure.erased_at,
        "erased_by": erasure.erased_by,
        "asked_by": erasure.asked_by.value,
        "asked_at": erasure.asked_at,
        "ground": erasure.ground.value,
    }


def kept_erasure_document(erasure: Erasure) -> dict[str, object]:
    return erasure_document(erasure) | {"tidied_at": erasure.tidied_at}


def consent_record_document(record: ConsentRecord) -> dict[str, object]:
    return {
        "purpose": record.purpose,
        "given": record.given,
        "at": record.at,
        "version": record.version,
        "channel": record.channel,
        "text_hash": record.text_hash,
        "recorded_at": record.recorded_at,
        "recorded_by": record.recorded_by,
    }
