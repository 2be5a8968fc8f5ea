"""Method and path to operation: a dict for fixed paths, segment by segment for those with parameters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")

_NO_PARAMS: Mapping[str, str] = {}


@dataclass(slots=True)
class Place(Generic[T]):
    """What answers at one path template, by method."""

    template: str
    by_method: dict[str, T] = field(default_factory=dict)

    @property
    def allow(self) -> list[str]:
        methods = set(self.by_method)
        return sorted(methods | {"HEAD"} if "GET" in methods else methods)


@dataclass(slots=True)
class _Node(Generic[T]):
    fixed: dict[str, "_Node[T]"] = field(default_factory=dict)
    param: "_Node[T] | None" = None
    name: str = ""
    place: Place[T] | None = None


class Router(Generic[T]):
    """Built once from (method, template, value); a fixed segment wins over a parameter."""

    def __init__(self, routes: Iterable[tuple[str, str, T]]) -> None:
        self._fixed: dict[str, Place[T]] = {}
        self._root: _Node[T] = _Node()
        for method, template, value in routes:
            place = self._place(template)
            if method in place.by_method:
                raise ValueError(f"{method} {template} is there twice")
            place.by_method[method] = value

    def find(self, path: str) -> tuple[Place[T], Mapping[str, str]] | None:
        """The place at a path as sent (percent-encoded, without query) and its decoded parameters."""
        if (place := self._fixed.get(path)) is not None:
            return place, _NO_PARAMS
        node, params = self._root, {}
        for segment in path[1:].split("/"):
            if (fixed := node.fixed.get(segment)) is not None:
                node = fixed
            elif node.param is not None and segment:
                node = node.param
                params[node.name] = unquote(segment, errors="replace") if "%" in segment else segment
            else:
                return None
        return None if node.place is None else (node.place, params)

    def _place(self, template: str) -> Place[T]:
        """The template's place, made when there is none yet."""
        if "{" not in template:
            return self._fixed.setdefault(template, Place(template))
        node = self._root
        for segment in template[1:].split("/"):
            if not segment.startswith("{"):
                node = node.fixed.setdefault(segment, _Node())
                continue
            if node.param is None:
                node.param = _Node(name=segment[1:-1])
            node = node.param
        node.place = node.place or Place(template)
        return node.place
