"""The program document as a request body: any JSON object. What is wrong with it is for the domain to find."""

from typing import Annotated, Any

from pydantic import RootModel, WithJsonSchema

_ONE_OF_LISTS = {
    "type": "object",
    "properties": {
        name: {"type": "array", "items": {"type": "string"}} for name in ("sku", "category", "brand", "tag")
    },
}

# What an editor needs to be of help; the rules of what goes with what are in the domain's reader.
PROGRAM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["currency", "timezone", "wallets", "rules"],
    "properties": {
        "currency": {"type": "string", "description": "ISO 4217.", "examples": ["RUB"]},
        "timezone": {"type": "string", "description": "IANA.", "examples": ["Europe/Moscow"]},
        "wallets": {
            "type": "object",
            "minProperties": 1,
            "description": "By id; the first is the default one.",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer", "default": 1, "description": "Minor units that one unit buys."},
                    "activate_after_days": {"type": "integer", "default": 0},
                    "expire_after_days": {"type": ["integer", "null"]},
                    "debt": {"enum": ["allow", "clamp"], "default": "allow"},
                },
            },
        },
        "redemption": {
            "type": "object",
            "properties": {
                "wallets": {"type": "array", "items": {"type": "string"}},
                "max_share": {
                    "type": "string",
                    "default": "1",
                    "description": "Of what the basket costs, as a decimal.",
                },
                "min_units": {"type": "integer", "default": 0},
                "min_paid": {"type": "integer", "default": 0},
                "step": {"type": "integer", "default": 1},
                "strength": {
                    "type": "object",
                    "description": "Units a purchase by how the customer was identified; null for no limit.",
                    "additionalProperties": {"type": ["integer", "null"]},
                },
            },
        },
        "accrual": {"type": "object", "properties": {"base": {"enum": ["paid", "net", "gross"], "default": "paid"}}},
        "tiers": {
            "type": "array",
            "items": {"type": "object", "properties": {"id": {"type": "string"}, "from": {"type": "integer"}}},
        },
        "tier_policy": {
            "type": "object",
            "properties": {
                "measure": {"enum": ["paid", "purchases", "units"]},
                "window": {"enum": ["ever"]},
                "down": {"enum": ["never"]},
            },
        },
        "lanes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "combine": {"enum": ["all", "sum", "best", "best_line", "first", "once"]},
                },
            },
        },
        "rules": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "kind", "give"],
                "properties": {
                    "id": {"type": "string"},
                    "kind": {"enum": ["discount", "bonus", "cashback"]},
                    "lane": {"type": "string"},
                    "priority": {"type": "integer", "default": 0},
                    "enabled": {"type": "boolean", "default": True},
                    "from": {"type": ["string", "null"], "format": "date-time"},
                    "until": {"type": ["string", "null"], "format": "date-time"},
                    "title": {"type": "object", "additionalProperties": {"type": "string"}},
                    "when": {"type": "object", "minProperties": 1, "maxProperties": 1, "description": "One test."},
                    "on": _ONE_OF_LISTS | {"description": "Which lines or units."},
                    "give": {"type": "object", "description": "What, by kind."},
                },
            },
        },
    },
}


class ProgramBody(RootModel[Annotated[dict[str, Any], WithJsonSchema(PROGRAM_SCHEMA)]]):
    """The whole scheme as one document; CONTRACT calls it the program."""
