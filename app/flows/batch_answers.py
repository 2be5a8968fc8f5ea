"""Stored answers of many receipts at once, without the customers' masked names.

Whoever is erased must be gone from them, and nothing leads from a customer to the batches that name them. So the names
are left out of what is stored, and put back in what goes out from the purchases' own answers, which an erasure tidies.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from app.flows.requests import Answer

_BEGINNING = b'{"results":['


def without_names(body: bytes) -> bytes:
    """What to store of a batch's answer."""
    document = orjson.loads(body)
    for purchase in _named(document):
        purchase["customer"]["name"] = None
    return orjson.dumps(document)


def named_in(body: bytes) -> Sequence[UUID]:
    """The purchases with a customer in a stored answer; none where it isn't a batch's."""
    return [UUID(each["id"]) for each in _named(orjson.loads(body))] if body.startswith(_BEGINNING) else []


def with_names(body: bytes, answers: Mapping[UUID, Answer]) -> bytes:
    """As it goes out, by the stored answers of its purchases."""
    document = orjson.loads(body)
    for purchase in _named(document):
        if (own := answers.get(UUID(purchase["id"]))) is not None:
            purchase["customer"]["name"] = orjson.loads(own.body)["customer"]["name"]
    return orjson.dumps(document)


def _named(document: Any) -> Sequence[Any]:
    purchases = [each["purchase"] for each in document["results"] if "purchase" in each]
    return [each for each in purchases if each["customer"] is not None]
