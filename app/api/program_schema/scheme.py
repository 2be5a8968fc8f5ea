"""The whole document: wallets, redemption, tiers, lanes, caps, rules."""

from app.api.program_schema.conditions import lines_schema, selection_schema, when_schema
from app.api.program_schema.gives import draw_schema
from app.api.program_schema.rules import block_schema, rule_schema
from app.api.program_schema.words import (
    Schema,
    counted_identifier,
    days_or_null,
    identifier,
    listed,
    map_of,
    object_of,
    one_of,
    only_beside,
    share,
    whole,
    whole_or_null,
)
from app.domain.program import Base, Combine, Debt, Down, ExpireRound, Measure, Period, Scope, Window
from app.domain.programs.caps import CAPS_MAX, DEPTH_MAX
from app.domain.programs.lanes import LANES_MAX
from app.domain.programs.rules import RULES_MAX
from app.domain.programs.tiers import TIERS_MAX
from app.domain.programs.values import DAYS_MAX
from app.domain.programs.wallets import RESERVED, STRENGTHS, WALLETS_MAX

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def program_schema() -> Schema:
    """The JSON Schema of the program document.

    It knows every key, type and bound, and what goes with what inside one rule. What holds between parts (references,
    unique ids, rising bounds, circles) only the reader knows: `PUT /v1/program/draft` says it with a pointer.
    """
    members: dict[str, Schema] = {
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217.", "examples": ["RUB"]},
        "timezone": {"type": "string", "description": "Of the IANA list.", "examples": ["Europe/Moscow"]},
        "wallets": _wallets(),
        "redemption": _redemption(),
        "accrual": object_of(
            {
                "base": one_of(
                    Base,
                    "paid: after discounts and redemption; net: after discounts; gross: before both.",
                    default=Base.PAID.value,
                )
            },
            "What accruing percentages look at.",
        ),
        "tiers": listed(
            object_of(
                {"id": identifier("Unique."), "from": whole("The measure at which it begins; above the one before.")},
                required=("id", "from"),
            ),
            "Levels of customers, the lowest first.",
            at_least=0,
            at_most=TIERS_MAX,
        ),
        "tier_policy": _tier_policy(),
        "lanes": listed(
            object_of(
                {
                    "id": identifier("Unique."),
                    "combine": one_of(Combine, "How the lane's rules work together.", default=Combine.ALL.value),
                },
                required=("id",),
            ),
            "Worked through in this order; without any there is one, which combines all.",
            at_most=LANES_MAX,
        ),
        "caps": _caps(),
        "rules": listed({"$ref": "#/$defs/Rule"}, "Conditions with one reward each.", at_least=0, at_most=RULES_MAX),
    }
    return {
        "$schema": DIALECT,
        "title": "Program",
        **object_of(
            members,
            "The whole scheme of a loyalty program. Money is in minor units, percentages and shares are strings.",
            required=("currency", "timezone", "wallets", "rules"),
        ),
        "$defs": {
            "Rule": rule_schema(),
            "When": when_schema(),
            "Selection": selection_schema(),
            "Lines": lines_schema(),
            "Draw": draw_schema(),
            "Block": block_schema(),
        },
    }


def _wallets() -> Schema:
    convert = {
        "every": whole("Every full so many …", low=1),
        "into": identifier("… become units of this wallet, never in a circle …"),
        "units": whole("… so many of them.", low=1),
    }
    wallet = object_of(
        {
            "value": whole("Minor units that one unit buys; 0: pays for nothing.", default=1),
            "activate_after_days": whole("Days until units can be spent.", high=DAYS_MAX, default=0),
            "expire_after_days": days_or_null("Days that units live from then on; null: for ever.", low=1),
            "expire_round": one_of(
                ExpireRound, "They live on to the end of that local day or month.", default=ExpireRound.NONE.value
            ),
            "debt": one_of(Debt, "Whether a return may take the balance below 0.", default=Debt.ALLOW.value),
            "convert": {
                **object_of(convert, "After each posting.", required=convert),
                "type": ["object", "null"],
            },
        }
    )
    keys = {**identifier(""), "not": {"enum": sorted(RESERVED)}}
    return map_of(
        wallet, keys, "Kinds of units by id; the first is the default one.", minProperties=1, maxProperties=WALLETS_MAX
    )


def _redemption() -> Schema:
    strength = {name: whole_or_null("Units a purchase; null: no limit.") for name in STRENGTHS}
    strength["id"] = whole_or_null("By the id or the external id; unless named as `card`.")
    members: dict[str, Schema] = {
        "wallets": listed(
            identifier("A wallet of this program."),
            "Which pay for baskets, in this order; unless named the first one. An empty list: none.",
            at_least=0,
            at_most=WALLETS_MAX,
        ),
        "max_share": {
            **share("Of what the basket costs.", has_nothing=True, has_whole=True, example="0.30"),
            "default": "1",
        },
        "min_units": whole("At least so many, or none.", default=0),
        "min_paid": whole("So much has to be paid in money.", default=0),
        "step": whole("A multiple of it.", low=1, default=1),
        "strength": {
            **object_of(strength, "By how the customer was identified."),
            "type": ["object", "null"],
        },
    }
    return object_of(members, "How units pay for a basket.")


def _tier_policy() -> Schema:
    members = {
        "measure": one_of(Measure, "Money paid, purchases, or units accrued.", default=Measure.PAID.value),
        "window": one_of(
            Window, "Since ever, this local calendar year, or the last 365 local days.", default=Window.EVER.value
        ),
        "down": one_of(Down, "Whether a tier is lost.", default=Down.NEVER.value),
    }
    return object_of(members, "How tiers are reached and lost.")


def _caps() -> Schema:
    members = {
        "id": counted_identifier("Unique; its counters are named by it, over all versions."),
        "wallet": identifier("A wallet of this program."),
        "per": one_of(Scope, "For each customer, or for all together.", default=Scope.CUSTOMER.value),
        "period": one_of(Period, "Local ones of the program.", default=Period.EVER.value),
        "by": {"const": "category", "description": "Each category by itself …"},
        "depth": whole("… by so many first steps of its path.", low=1, high=DEPTH_MAX, default=1),
        "max": whole("Units at most.", low=1),
    }
    cap = object_of(members, required=("id", "wallet", "max"), **only_beside(depth="by"))
    return listed(cap, "How much may be accrued.", at_least=0, at_most=CAPS_MAX)
