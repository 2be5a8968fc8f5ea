"""Deeds that anybody may cause in any number, counted by kind, so that a flood of them fills nothing."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from app.flows.ports_audit_log import ActorKind, Deed, Outcome

TALLY_SECONDS = 60.0
# A minute that had no room for all its kinds is followed by such a one: a flood that goes on writes a tenth.
FLOOD_SECONDS = 600.0
# Kinds of each kind of actor, so that whoever has no key can't crowd out those who have one; what is beyond is counted
# together. With a row for the first of each kind that is at most 2 * 5 * (100 + 3) rows, some 500 KB, in the first
# minute of a flood and in each ten minutes after it, and what one attacker without a key can cause, from however many
# addresses, a fifth of it: 206 rows, some 30,000 or 15 MB a day and process.
KINDS_MAX = 100
OTHERS = "others"  # The action of what was beyond.

_Kind = tuple[ActorKind, str, str, str, Outcome, str, tuple[tuple[str, str | int | bool], ...]]


@dataclass(slots=True)
class _Counted:
    deed: Deed
    more: int = 0


class Tally:
    """One minute's kinds, each with how many there were beyond the first. Kinds differ by all but the request.

    `is_full`: there was no room for one.
    """

    def __init__(self, *, ends_at: float) -> None:
        self.ends_at = ends_at
        self.is_full = False
        self._counted: dict[_Kind, _Counted] = {}
        self._kinds: Counter[ActorKind] = Counter()

    def is_first(self, deed: Deed) -> bool:
        """Whether it is the first of its kind; else it is counted."""
        kind = _kind_of(deed)
        counted = self._counted.get(kind)
        if counted is not None:
            counted.more += 1
            return False
        self._counted[kind] = _Counted(deed)
        self._kinds[deed.actor_kind] += 1
        return True

    def has_room(self, deed: Deed) -> bool:
        """Whether its kind is there or may be added."""
        return self._kinds[deed.actor_kind] < KINDS_MAX or _kind_of(deed) in self._counted

    def is_first_of_any(self, deed: Deed) -> bool:
        """As `is_first`; what there is no room for is one kind, whose first is told as it is."""
        if self.has_room(deed):
            return self.is_first(deed)
        self.is_full = True
        return self.is_first(Deed(deed.actor_kind, "", OTHERS, outcome=deed.outcome))

    def rest(self) -> Iterator[Deed]:
        """What there was beyond the firsts, with how many."""
        for counted in self._counted.values():
            if counted.more:
                details = {**counted.deed.details, "count": counted.more}
                yield replace(counted.deed, request_id="", details=details)


def _kind_of(deed: Deed) -> _Kind:
    details = tuple(sorted(deed.details.items()))
    return deed.actor_kind, deed.actor, deed.action, deed.object, deed.outcome, deed.ip, details
