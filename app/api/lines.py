"""The lines of a basket: what tills may send in one, and the same line as the rules see it.

`LineBody` is the one truth of what a line may be. But nearly all lines are of one shape, and a model for each is the
dearest part of reading a purchase: 4 µs a line, and 2 more to make the domain's of it. So lines are first read as usual
ones (exact types, inside all bounds), 1.5 µs each; at anything else the models judge them all and say what is wrong.
A test holds the two readings equal.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import Field, GetCoreSchemaHandler, GetPydanticSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from app.api.fields import (
    ID_LENGTH_MAX,
    NAME_LENGTH_MAX,
    Body,
    Category,
    Id,
    Money,
    Quantity,
    empty_list,
    read_quantity,
)
from app.domain.amounts import AMOUNT_MAX, MILLI, QUANTITY_MAX_MILLI
from app.domain.basket import ClosedTo, Line

LINES_MAX = 500  # Contract, section 2.
TAGS_MAX = 32

_QUANTITY_MAX = QUANTITY_MAX_MILLI // MILLI
_NO_TAGS: frozenset[str] = frozenset()
_OPEN: frozenset[ClosedTo] = frozenset()
_CLOSED_TO = {each.value: each for each in ClosedTo}


class LineBody(Body):
    id: Id = Field(description="Unique in the basket.")
    qty: Quantity
    price: Money = Field(description="Of one unit, in minor units.")
    sku: Id | None = None
    name: Annotated[str, Field(max_length=NAME_LENGTH_MAX)] | None = None
    category: Category | None = Field(default=None, description="A path; a rule on `drinks` covers `drinks/coffee`.")
    brand: Id | None = None
    tags: Annotated[list[Id], Field(max_length=TAGS_MAX)] = empty_list()
    list_price: Money | None = None
    min_price: Money | None = Field(default=None, description="No discount and no points go below it.")
    no: Annotated[list[Literal["discount", "accrue", "redeem", "coupon"]], Field(max_length=4)] = empty_list(
        description="What the line is closed to."
    )


_MEMBERS = frozenset(LineBody.model_fields)
_RARE = ("tags", "list_price", "min_price", "no")


def line_of(body: LineBody) -> Line:
    return Line(
        id=body.id,
        qty_milli=body.qty,
        price=body.price,
        sku=body.sku,
        name=body.name,
        category=body.category,
        brand=body.brand,
        tags=frozenset(body.tags) if body.tags else _NO_TAGS,
        list_price=body.list_price,
        min_price=body.min_price or 0,
        closed_to=frozenset(map(ClosedTo, body.no)) if body.no else _OPEN,
    )


def usual_lines(sent: object) -> tuple[Line, ...] | None:
    """The lines of a parsed body, where all are usual ones; None: the models shall judge them.

    sent: as `parse_json` gives it, so without text that nothing stores.
    """
    if type(sent) is not list or not 0 < len(sent) <= LINES_MAX:
        return None
    lines = []
    for each in sent:
        line = _usual_line(each)
        if line is None:
            return None
        lines.append(line)
    return tuple(lines)


def _usual_line(sent: Any) -> Line | None:
    if type(sent) is not dict or not _MEMBERS.issuperset(sent):
        return None
    get = sent.get
    line_id, qty, price = get("id"), get("qty"), get("price")
    if type(qty) is int:
        if not 0 < qty <= _QUANTITY_MAX:
            return None
        milli = qty * MILLI
    else:
        try:
            milli = read_quantity(qty)
        except PydanticCustomError:
            return None
    sku, name, category, brand = get("sku"), get("name"), get("category"), get("brand")
    if not (
        _is_id(line_id)
        and type(price) is int
        and 0 <= price <= AMOUNT_MAX
        and (sku is None or _is_id(sku))
        and (brand is None or _is_id(brand))
        and (name is None or (type(name) is str and len(name) <= NAME_LENGTH_MAX))
        and (category is None or _is_category(category))
    ):
        return None
    for member in _RARE:
        if member in sent:
            break
    else:
        return Line(line_id, milli, price, sku, name, category, brand)
    tags, closed_to = get("tags", ()), get("no", ())
    list_price, min_price = get("list_price"), get("min_price")
    if not (
        (tags == () or (type(tags) is list and len(tags) <= TAGS_MAX and all(map(_is_id, tags))))
        and (closed_to == () or (type(closed_to) is list and len(closed_to) <= 4 and all(map(_is_closing, closed_to))))
        and (list_price is None or (type(list_price) is int and 0 <= list_price <= AMOUNT_MAX))
        and (min_price is None or (type(min_price) is int and 0 <= min_price <= AMOUNT_MAX))
    ):
        return None
    return Line(
        line_id, milli, price, sku, name, category, brand,
        tags=frozenset(tags), list_price=list_price, min_price=min_price or 0,
        closed_to=frozenset(_CLOSED_TO[each] for each in closed_to),
    )  # fmt: skip


def _is_id(value: object) -> TypeGuard[str]:
    return type(value) is str and 0 < len(value) <= ID_LENGTH_MAX


def _is_category(value: object) -> bool:
    """As the pattern of `Category` says: names between single slashes."""
    return (
        type(value) is str and 0 < len(value) <= NAME_LENGTH_MAX and value[0] != "/" != value[-1] and "//" not in value
    )


def _is_closing(value: object) -> bool:
    return type(value) is str and value in _CLOSED_TO


def _read_lines(value: object, judge: Callable[[object], list[LineBody]]) -> tuple[Line, ...]:
    lines = usual_lines(value)
    return tuple(map(line_of, judge(value))) if lines is None else lines


def _as_lines(described: Any) -> GetPydanticSchema:
    """The domain's lines, described and in doubt judged by a list of models."""

    def schema(_source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(_read_lines, handler.generate_schema(described))

    return GetPydanticSchema(schema)


Lines = Annotated[tuple[Line, ...], _as_lines(Annotated[list[LineBody], Field(max_length=LINES_MAX)])]
SomeLines = Annotated[tuple[Line, ...], _as_lines(Annotated[list[LineBody], Field(min_length=1, max_length=LINES_MAX)])]
