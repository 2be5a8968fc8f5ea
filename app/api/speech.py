"""How values and texts are told to people: language, money, quantities, programs' own texts.

Money is made of integers only, by the currency's exponent of ISO 4217. Libraries were turned down: Babel's precisions
are those of CLDR, which say 0 digits for RSD, ALL, IRR and ten more that have 2 or 3 in ISO 4217, so amounts in minor
units would be told a hundred times too large; and it groups digits by no-break spaces, which receipt printers' code
pages may lack. Digits aren't grouped, as they aren't beside them on the receipt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.domain.amounts import quantity

# ISO 4217, as amended to 2026: digits of the minor unit where they are not 2.
_EXPONENTS: Final[Mapping[str, int]] = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
         "XOF", "XPF"), 0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip
_EXPONENT_USUAL = 2
_SPEECHES_CACHED = 16  # A program has one currency, and there are two languages.


@dataclass(frozen=True, slots=True)
class Speech:
    """English or Russian, with amounts of one currency (a code of ISO 4217)."""

    currency: str
    is_russian: bool = False

    def say(self, english: str, russian: str) -> str:
        return russian if self.is_russian else english

    def money(self, minor: int) -> str:
        """Minor units as people write them: 12000 is `120.00`, `120,00` in Russian."""
        exponent = _EXPONENTS.get(self.currency, _EXPONENT_USUAL)
        digits = f"{abs(minor):0{exponent + 1}}"
        sign = "-" if minor < 0 else ""
        if not exponent:
            return sign + digits
        return f"{sign}{digits[:-exponent]}{self._mark}{digits[-exponent:]}"

    def quantity(self, milli: int) -> str:
        """Thousandths: 345 is `0.345`, 2000 is `2`."""
        return self.decimal(quantity(milli))

    def pieces(self, count: int) -> str:
        return self.say(f"{count} pc" if count == 1 else f"{count} pcs", f"{count} шт.")

    def decimal(self, value: object) -> str:
        """A number or decimal string of a document, with this language's mark."""
        return str(value).replace(".", self._mark)

    def text_of(self, texts: Mapping[str, str]) -> str | None:
        """Of a program's text by language tag: this language's, else the English, else the first; None of no texts.

        A text for one country (`ru-KZ`) serves where there is none for the language itself.
        """
        for asked in ("ru", "en") if self.is_russian else ("en",):
            if (text := texts.get(asked)) is not None:
                return text
            for tag, text in texts.items():
                if tag.partition("-")[0] == asked:
                    return text
        return next(iter(texts.values()), None)

    @property
    def _mark(self) -> str:
        return "," if self.is_russian else "."


@lru_cache(maxsize=_SPEECHES_CACHED)
def speech_of(currency: str, *, is_russian: bool) -> Speech:
    """The same value for everybody: each answer needs one."""
    return Speech(currency, is_russian=is_russian)
