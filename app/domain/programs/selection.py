"""`on`: which lines, and which single units of them."""

from app.domain.program import Lists, Per, Selection, Units, Which
from app.domain.programs.bounds import need_one_of, read_bounds
from app.domain.programs.reader import Cursor, Fields, Reader, Shape
from app.domain.programs.values import COUNT_MAX, amount, category, integer, listed, one_of, or_null, text


def _set_of(reader: Reader[str]) -> Reader[frozenset[str]]:
    names = listed(reader)
    return lambda at: frozenset(names(at))


_LISTS = {"sku": _set_of(text()), "category": _set_of(category), "brand": _set_of(text()), "tag": _set_of(text())}
_LINES = (*_LISTS, "price", "discounted", "exclude")

_SELECTION = Shape("on", (*_LINES, "units"))
_LINES_ONLY = Shape("on of basket_has", _LINES, elsewhere=frozenset({"units"}))
_EXCLUDE = Shape("exclude", tuple(_LISTS))
_PRICE = Shape("price", ("min", "max"))
_UNITS = Shape("units", ("every", "take", "times", "which", "per"))


def read_selection(at: Cursor) -> Selection:
    """`on` of a rule."""
    return _read(Fields(at, _SELECTION))


def read_lines(at: Cursor) -> Selection:
    """`on` of `basket_has`, which counts by itself and knows no `units`."""
    return _read(Fields(at, _LINES_ONLY))


def _read(fields: Fields) -> Selection:
    price = fields.get("price", _price, None)
    return Selection(
        lists=_lists(fields),
        price_min=None if price is None else price[0],
        price_max=None if price is None else price[1],
        undiscounted=fields.get("discounted", _false, None) is not None,
        exclude=fields.get("exclude", _exclude, None),
        units=fields.get("units", _units, None) if "units" in fields.names() else None,
    )


def _lists(fields: Fields) -> Lists:
    return Lists(**{name: fields.get(name, reader, None) for name, reader in _LISTS.items()})


def _exclude(at: Cursor) -> Lists:
    fields = Fields(at, _EXCLUDE)
    need_one_of(fields, *_LISTS)
    return _lists(fields)


def _price(at: Cursor) -> tuple[int | None, int | None]:
    fields = Fields(at, _PRICE)
    need_one_of(fields, "min", "max")
    return read_bounds(fields, amount)


def _false(at: Cursor) -> bool:
    if at.value is not False:
        raise at.wrong("not_one_of", "false (leave it out to select discounted lines too)")
    return True


def _units(at: Cursor) -> Units:
    fields = Fields(at, _UNITS)
    every = fields.get("every", integer(1, COUNT_MAX), 1)
    take = fields.get("take", integer(1, COUNT_MAX), every)
    if fields.is_sound("every", "take") and take > every:
        fields.fault("take", "wrong_order", f"Expected take to be no more than every ({every}), found {take}.")
    return Units(
        every=every,
        take=take,
        times=fields.get("times", or_null(integer(1, COUNT_MAX)), None),
        which=fields.get("which", one_of(Which), Which.CHEAPEST),
        per=fields.get("per", one_of(Per), Per.RECEIPT),
    )
