"""What tills ask for: `Maker` chooses by luck and weight, one file a kind of call puts it together."""

from tests.chaos.calls.maker import Maker

__all__ = ["Maker"]
