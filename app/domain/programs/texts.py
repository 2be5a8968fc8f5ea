"""Titles, messages and receipt blocks: texts by language, the last two with placeholders in braces."""

import re
from collections.abc import Mapping
from functools import partial

from app.domain.program import Block, Message
from app.domain.programs.reader import Cursor, Fields, Reader, Shape
from app.domain.programs.show import enumerate_names, show
from app.domain.programs.values import flag, listed, text, word

TITLE_CHARS_MAX = 200
TEXT_CHARS_MAX = 1_000  # Some twenty lines of a till's receipt.
CODE_CHARS_MAX = 1_000  # A QR code of middle error correction holds some 2,300 bytes, Cyrillic takes two a letter.
LANGUAGES_MAX = 50
BLOCKS_MAX = 50

PLACEHOLDERS = (
    "title",
    "rule",
    "given",
    "wanted",
    "units",
    "amount",
    "wallet",
    "gift",
    "coupon",
    "prize",
    "ticket",
    "day",
    "balance",
)
ALIGNS = ("left", "center", "right")
FORMATS = ("qr", "ean13", "code128")
READERS = ("cashier", "customer")

LANGUAGE_PATTERN = "[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}"
_LANGUAGE = re.compile(LANGUAGE_PATTERN)
_BRACED = re.compile(r"\{([^{}]*)\}")
_MESSAGES = Shape("messages", READERS)
_BLOCK = Shape("a receipt block", ("text", "align", "left", "right", "code", "format", "divider"))
BLOCK_FORMS = ("text", "left", "code", "divider")  # The member that says what a block is ...
COMPANIONS = {"align": "text", "right": "left", "format": "code"}  # ... and what may stand beside it.
_TYPES = {"text": "text", "left": "row", "code": "code", "divider": "divider"}


def read_title(at: Cursor) -> Mapping[str, str]:
    """`{"en": "…", "ru": "…"}`; an empty object is no title."""
    return _by_language(text(TITLE_CHARS_MAX), at)


def read_messages(at: Cursor) -> tuple[Message, ...]:
    """`{"cashier": {"en": "…"}, "customer": {…}}`, in the document's order."""
    fields = Fields(at, _MESSAGES)
    return tuple(Message(to=name, text=fields.get(name, _texts, {})) for name in fields.names())


def read_receipt(at: Cursor) -> tuple[Block, ...]:
    """Blocks in the order in which they are printed."""
    return listed(_block, at_least=0, at_most=BLOCKS_MAX)(at)


def _block(at: Cursor) -> Block:
    fields = Fields(at, _BLOCK)
    present = fields.names()
    forms = [name for name in BLOCK_FORMS if name in present]
    if len(forms) != 1:
        found = enumerate_names(forms) or "none"
        at.note(
            "exactly_one", f"Expected exactly one of {enumerate_names(BLOCK_FORMS)} in {_BLOCK.noun}, found {found}."
        )
    for name, companion in COMPANIONS.items():
        if name in present and companion not in present:
            fields.fault(name, "not_allowed_here", f"Expected {name} only beside {companion}, found it without.")
    left = fields.get("text", _texts, {}) or fields.get("left", _texts, {})
    content = fields.get("code", _template(CODE_CHARS_MAX), "")
    fields.get("divider", _true, None)
    return Block(
        type=_TYPES[forms[0]] if forms else "divider",
        text={"": content} if content else left,
        right=fields.need("right", _texts) if forms == ["left"] else fields.get("right", _texts, {}),
        align=fields.get("align", word(ALIGNS), "left"),
        format=fields.get("format", word(FORMATS), "qr" if "code" in present else ""),
    )


def _true(at: Cursor) -> None:
    if flag(at) is not True:
        raise at.wrong("not_one_of", "true (leave the block out where no divider is wanted)")


def _texts(at: Cursor) -> Mapping[str, str]:
    """Texts with placeholders in at least one language."""
    texts = _by_language(_template(TEXT_CHARS_MAX), at)
    if not at.value:
        raise at.wrong("too_short", "a text in at least one language")
    return texts


def _template(chars_max: int) -> Reader[str]:
    """Text in which braces hold nothing but the names of what a rule gave."""
    return partial(_read_template, text(chars_max))


def _read_template(plain: Reader[str], at: Cursor) -> str:
    template = plain(at)
    for name in _BRACED.findall(template):
        if name not in PLACEHOLDERS:
            message = f"Expected in braces one of {enumerate_names(PLACEHOLDERS)}, found {show(name)}."
            at.note("unknown_reference", message)
    if "{" in (rest := _BRACED.sub("", template)) or "}" in rest:
        at.note("wrong_form", f"Expected braces only around a name such as {{units}}, found {show(template)}.")
    return template


def _by_language(reader: Reader[str], at: Cursor) -> Mapping[str, str]:
    members = at.members("an object of texts by language")
    if len(members) > LANGUAGES_MAX:
        raise at.wrong("too_long", f"texts in at most {LANGUAGES_MAX} languages")
    for key, place in members:
        if not _LANGUAGE.fullmatch(key):
            place.note("wrong_form", f'Expected a language tag such as "en" or "pt-BR", found {show(key)}.')
    return {key: place.read(reader) for key, place in members}
