"""One wallet of a customer, as the entries make it."""


class PurseState:
    """Units available, pending and held. `owed` is the debt: entries that name no lot, the other way round."""

    __slots__ = ("owed", "units")

    def __init__(self) -> None:
        self.units = [0, 0, 0]
        self.owed = 0
