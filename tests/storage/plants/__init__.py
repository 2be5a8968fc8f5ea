"""What somebody with all rights may do to the filled books, by name: in what is appended, and in what is kept."""

from tests.storage.plants import held, kept, posted
from tests.storage.plants.plant import Plant

PLANTS: dict[str, Plant] = posted.PLANTS | kept.PLANTS | held.PLANTS
