"""`give` of each kind, and the draw."""

from app.api.program_schema.words import (
    Schema,
    counted_identifier,
    days_or_null,
    exactly_one,
    factor,
    identifier,
    listed,
    object_of,
    one_of,
    percent,
    share,
    text,
    whole,
    whole_or_null,
)
from app.domain.program import Algorithm, Kind
from app.domain.programs.draws import NUMBERS, PIECES, PRIZE_FORMS, PRIZES_MAX, WEIGHT_MAX
from app.domain.programs.gives import ACCRUING, BUNDLE_MAX, FORMS, STEPS_MAX
from app.domain.programs.values import COUNT_MAX


def _forms() -> dict[Kind, dict[str, Schema]]:
    step = object_of(
        {
            "min": whole("From what the selected lines have left, in minor units."),
            "percent": percent("Off them."),
            "amount": whole("Off them, in minor units."),
        },
        required=("min",),
        **exactly_one(("percent", "amount")),
    )
    bundle = {
        "skus": listed(text(), "Articles; one that is listed twice counts twice.", at_most=BUNDLE_MAX),
        "price": whole("One of each costs this together; never a surcharge."),
    }
    per = {
        "amount": whole("For every full so much, in minor units …", low=1),
        "units": whole("… so many units."),
    }
    accrued = percent("Of the accrual base, in money's worth of units.", digits=4)
    return {
        Kind.DISCOUNT: {
            "percent": percent("Off what is selected."),
            "amount": whole("Off the receipt, in minor units."),
            "amount_each": whole("Off each selected unit."),
            "unit_price": whole("What each selected unit costs."),
            "price": whole("What is selected, or each group of on.units, costs this together."),
            "steps": listed(step, "The highest step that is reached; each begins above the last.", at_most=STEPS_MAX),
            "bundle": object_of(bundle, "Sets of articles at one price.", required=bundle),
        },
        Kind.BONUS: {
            "percent": accrued,
            "per": object_of(per, "Units for every full amount.", required=per),
            "units": whole("Once a receipt."),
            "units_each": whole("For each selected unit."),
            "multiply": factor("Of what earlier accrual lanes gave; this rule adds what is above once."),
        },
        Kind.CASHBACK: {"percent": accrued},
        Kind.REWARD: {
            "gift": text("An article, once or once a group of on.units."),
            "coupon": text("A pool whose codes are given, once or once a group of on.units."),
        },
        Kind.RANDOM_REWARD: {"draw": {"$ref": "#/$defs/Draw"}},
    }


def give_schemas() -> dict[Kind, Schema]:
    """`give` by kind.

    Raises:
        ValueError: the reader knows other forms than the schema; a programmer forgot one of the two.
    """
    terms = {
        "wallet": identifier("A wallet of this program; the first one unless named, `cashback` for cashback."),
        "activate_after_days": days_or_null("Instead of the wallet's own."),
        "expire_after_days": days_or_null("Instead of the wallet's own; null: never.", low=1),
    }
    schemas = {}
    for kind, forms in _forms().items():
        if set(forms) != set(FORMS[kind]):
            raise ValueError(f"the reader knows {sorted(FORMS[kind])} of {kind}, the schema {sorted(forms)}")
        members = forms | (terms if kind in ACCRUING else {})
        schemas[kind] = object_of(members, f"What a {kind} rule gives: exactly one form.", **exactly_one(forms))
    return schemas


def _prize() -> Schema:
    members = {
        "id": counted_identifier("Unique in the draw."),
        "weight": whole("Its share among the prizes; in a bag, its slips.", low=1, high=WEIGHT_MAX, default=1),
        "units": whole("Units of the rule's wallet.", low=1),
        "percent": percent("Of the selected lines' accrual base.", digits=4),
        "gift": text("An article."),
        "coupon": text("A pool whose code is given."),
        "stock": whole_or_null("Pieces there are; null: without end.", low=1),
        "cost": whole("What a gift or a coupon counts for in budgets and shares, in minor units.", default=0),
    }
    has_piece = {"anyOf": [{"required": [name]} for name in PIECES]}
    return object_of(members, required=("id",), **exactly_one(PRIZE_FORMS), dependentSchemas={"cost": has_piece})


def draw_schema() -> Schema:
    """A draw; each algorithm has numbers of its own."""
    numbers = {
        "chance": share("Of a win; of pity, the first one.", has_nothing=False, has_whole=True, example="0.05"),
        "size": whole("Slips of a bag.", low=1, high=COUNT_MAX),
        "guarantee_every": whole("A win is certain at least every so many draws.", low=2, high=COUNT_MAX),
        "share": share("Of the surprise in all rewards' cost.", has_nothing=False, has_whole=False, example="0.30"),
        "tolerance": share("How far above it may be.", has_nothing=True, has_whole=True, example="0.05"),
    }
    costly = {"required": ["cost"], "properties": {"cost": {"minimum": 1}}}
    pieces_cost = {"if": {"anyOf": [{"required": [name]} for name in PIECES]}, "then": costly}
    cases = []
    for algorithm, named in NUMBERS.items():
        then: Schema = {"required": list(named), "properties": {name: False for name in numbers if name not in named}}
        if algorithm in {Algorithm.PACED, Algorithm.BALANCED}:
            then["properties"]["prizes"] = {"items": pieces_cost}
        cases.append(
            {"if": {"required": ["algorithm"], "properties": {"algorithm": {"const": algorithm.value}}}, "then": then}
        )
    members = {
        "algorithm": one_of(
            Algorithm,
            "independent: a fixed chance. bag: exact counts in every `size` draws. pity: the chance grows with every "
            "miss. paced: a budget lasts until the rule ends. balanced: surprise is `share` of all rewards' cost.",
        ),
        "prizes": listed(_prize(), "What can be won.", at_most=PRIZES_MAX),
        **numbers,
    }
    return object_of(members, "A prize by luck that anybody can check.", required=("algorithm", "prizes"), allOf=cases)
