"""`when` and `on`: what is tested, and which lines or units are meant."""

from typing import Final

from app.api.program_schema.words import (
    Schema,
    any_of_members,
    identifier,
    listed,
    object_of,
    one_of,
    one_or_listed,
    quantity_or_null,
    text,
    whole,
    whole_or_null,
)
from app.domain.amounts import AMOUNT_MAX
from app.domain.basket import Channel
from app.domain.program import Per, Which
from app.domain.programs.conditions import (
    CODE_CHARS_MAX,
    CONDITIONS_MAX,
    EVENT_CHARS_MAX,
    PURCHASES_MAX,
    WAYS,
    YEAR_DAYS,
)
from app.domain.programs.values import COUNT_MAX, DAYS_MAX

_WHEN: Final[Schema] = {"$ref": "#/$defs/When"}
_START: Final[Schema] = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["08:30"]}
_END: Final[Schema] = {"type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "examples": ["24:00"]}
_DAY: Final[Schema] = {"type": ["string", "null"], "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


def _hours() -> Schema:
    return {
        "description": "Of the local day, the end not included; may cross midnight. Looks at the moment itself.",
        "oneOf": [
            {"type": "array", "prefixItems": [_START, _END], "items": False, "minItems": 2},
            object_of({"from": _START, "to": _END}, required=("from", "to")),
        ],
    }


def _bounds(what: str, *, low: int = 0, high: int, more: dict[str, Schema] | None = None) -> Schema:
    members = {
        "min": whole_or_null("At least; included.", low=low, high=high),
        "max": whole_or_null("At most; included.", low=low, high=high),
        **(more or {}),
    }
    return object_of(members, what, **any_of_members(members))


def _tests() -> dict[str, Schema]:
    every = whole_or_null("The number is a multiple of it.", low=1, high=PURCHASES_MAX)
    has = {
        "on": {"$ref": "#/$defs/Lines"},
        "min_qty": quantity_or_null("At least this quantity of them."),
        "min_amount": whole_or_null("At least this much gross, in minor units."),
    }
    day = whole("Days.", high=YEAR_DAYS, default=0)
    numbered = whole("1 Monday … 7 Sunday.", low=1, high=7)
    return {
        "all": listed(_WHEN, "All of these.", at_most=CONDITIONS_MAX),
        "any": listed(_WHEN, "At least one of these.", at_most=CONDITIONS_MAX),
        "not": {**_WHEN, "description": "Not this."},
        "tier": listed(identifier("A tier of this program."), "The customer's tier is one of these."),
        "segment": listed(text(), "The customer is in one of these segments."),
        "tag": listed(text(), "The customer has one of these tags."),
        "channel": listed(one_of(Channel, "Where it is sold."), "By the key's terminal."),
        "shop": listed(text(), "Sold in one of these shops."),
        "partner": listed(text(), "Sold by one of these partners."),
        "card_type": listed(text(), "The customer has a card of one of these types."),
        "basket_total": _bounds("Gross of all lines, closed ones too, in minor units.", high=AMOUNT_MAX),
        "basket_has": object_of(has, "What lies in the basket, closed lines too.", **any_of_members(has)),
        "weekday": {"description": "Local day of the week.", "anyOf": [numbered, listed(numbered, at_most=7)]},
        "hours": _hours(),
        "date": object_of(
            {"from": _DAY, "until": _DAY}, "Local days, both included.", **any_of_members(("from", "until"))
        ),
        "birthday": object_of({"before": day, "after": day}, "So many days around it; {} is the day itself."),
        "purchase_number": _bounds(
            "Which purchase of the customer this is; fully returned ones don't count.",
            low=1,
            high=PURCHASES_MAX,
            more={"every": every},
        ),
        "days_since_last": _bounds("Local days since the last purchase; false without one.", high=DAYS_MAX),
        "payment": object_of(
            {"method": text("As the till names it."), "min": whole_or_null("Paid so at least this much.")},
            "How it is paid.",
            required=("method",),
        ),
        "coupon": one_or_listed(
            text(chars_max=CODE_CHARS_MAX, pattern=r"\S"),
            "A code or a pool was used; a code only named in a rule is public. Letter case doesn't matter.",
        ),
        "identified_by": one_or_listed(
            one_of(WAYS, "id and external_id count as a card."), "How the customer was identified."
        ),
        "event": one_or_listed(
            text(chars_max=EVENT_CHARS_MAX), "Another act than a purchase. Such a rule gives bonus units or a reward."
        ),
    }


def when_schema() -> Schema:
    """An object with exactly one test."""
    return object_of(_tests(), "Exactly one test; at most 8 levels deep.", minProperties=1, maxProperties=1)


def _lists() -> dict[str, Schema]:
    path = text(pattern="^[^/]+(/[^/]+)*$", examples=["drinks/coffee"])
    return {
        "sku": listed(text(), "One of these articles."),
        "category": listed(path, "In one of these categories or below."),
        "brand": listed(text(), "Of one of these brands."),
        "tag": listed(text(), "With one of these tags of the line."),
    }


def _lines() -> dict[str, Schema]:
    bounds = {"min": whole_or_null("At least."), "max": whole_or_null("At most.")}
    return {
        **_lists(),
        "price": object_of(bounds, "Unit price as sent, in minor units.", **any_of_members(bounds)),
        "discounted": {"const": False, "description": "Only lines that nothing so far made cheaper."},
        "exclude": object_of(_lists(), "A line that matches any of these is out.", **any_of_members(_lists())),
    }


def lines_schema() -> Schema:
    return object_of(_lines(), "Lines: in one of each list that is named. No lists: all lines.")


def selection_schema() -> Schema:
    """`on` of a rule."""
    count = whole("", low=1, high=COUNT_MAX)
    units = {
        "every": {**count, "default": 1, "description": "Units of a group."},
        "take": {**count, "description": "Units taken of each full group; all of them unless named."},
        "times": {**count, "type": ["integer", "null"], "description": "Groups at most."},
        "which": one_of(Which, "Which of all selected units are taken.", default=Which.CHEAPEST.value),
        "per": one_of(Per, "Groups are made over the receipt or within lines.", default=Per.RECEIPT.value),
    }
    return object_of(
        {**_lines(), "units": object_of(units, "Single units instead of whole lines.")},
        "Which lines or units; without it all lines.",
    )
