"""The table of all operations; the edge serves it, the OpenAPI document lists it."""

from app.api import customers, ops, programs, purchases
from app.api.calls import Operation

OPERATIONS: tuple[Operation, ...] = (
    *purchases.OPERATIONS,
    *customers.OPERATIONS,
    *programs.OPERATIONS,
    *ops.OPERATIONS,
)
