"""Method and path to operation."""

import pytest

from app.api.routing import Router

ROUTES = (
    ("GET", "/a", 1),
    ("POST", "/a", 2),
    ("GET", "/a/{id}", 3),
    ("GET", "/a/{id}/b", 4),
    ("POST", "/a/c", 5),
    ("GET", "/a/{id}/b/{n}", 6),
)


@pytest.mark.parametrize(
    ("path", "template", "params"),
    [
        ("/a", "/a", {}),
        ("/a/7", "/a/{id}", {"id": "7"}),
        ("/a/7/b", "/a/{id}/b", {"id": "7"}),
        ("/a/7/b/8", "/a/{id}/b/{n}", {"id": "7", "n": "8"}),
        ("/a/c", "/a/c", {}),
        ("/a/c/b", "/a/{id}/b", {"id": "c"}),
        ("/a/x%2Fy%20z", "/a/{id}", {"id": "x/y z"}),
        ("/a/%FF", "/a/{id}", {"id": "\ufffd"}),
    ],
)
def test_a_path_is_found_with_its_parameters(path: str, template: str, params: dict[str, str]) -> None:
    found = Router(ROUTES).find(path)
    assert found is not None
    assert (found[0].template, dict(found[1])) == (template, params)


@pytest.mark.parametrize("path", ["", "/", "a", "*", "/a/", "//a", "/a//b", "/A", "/a/7/c", "/a/7/b/8/9", "/%61"])
def test_another_path_is_not_found(path: str) -> None:
    assert Router(ROUTES).find(path) is None


def test_a_place_knows_its_methods() -> None:
    found = Router(ROUTES).find("/a")
    assert found is not None
    assert found[0].by_method == {"GET": 1, "POST": 2}
    assert found[0].allow == ["GET", "HEAD", "POST"]


def test_the_same_route_twice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="GET /a is there twice"):
        Router((*ROUTES, ("GET", "/a", 9)))
