"""The front page of the OpenAPI document: what holds for every call. Tables come from the code that they describe."""

from app.api.errors import INTERNAL_ERROR, KINDS

_INTRODUCTION = """\
Kopilka prices baskets by a loyalty program's rules and posts purchases, redemptions and returns to a double-entry
ledger before it answers.

## Keys

Send `Authorization: Bearer KEY`. A key has a role; a key of `pos` or `shop` belongs to a shop and a terminal, and what
is sent with it happens there. `marketer` writes programs, `analyst` reads them, `support` looks up, corrects and
adjusts, `ops` looks after the service, `admin` may do all. A terminal has at most two live keys, so that one can be
put in the other's place; a revoked one is refused everywhere within 5 seconds. A key may demand more than itself: that
its writes are signed (RFC 9421, Ed25519, over `@method`, `@path`, `@query`, `content-digest` and `idempotency-key`), or
that it comes with its client certificate. Whatever is wrong with a key is the same 401. `/health/*`, `/metrics`,
`/openapi.json`, `/docs` and what anybody checks draws with (`GET /v1/draws/*`, `GET /v1/prize-draws/*`) need no key.

People may sign in instead (`POST /v1/session`, `GET /v1/sign-in`): the session's cookie stands for a key of their role.
Writes with it need the header `X-CSRF-Token` besides, and come from a page of this origin (`Origin`, `Sec-Fetch-Site`).

## Writing once

Every call that writes needs an `Idempotency-Key` of 1 to 255 printable ASCII characters, unique within the key's shop
and terminal (a person's: within the person). The same key with the same request (method, path with query, JSON value)
gets the same status and body, with `Idempotent-Replayed: true`. Another request under it is 422
`idempotency_key_reused`; while the first is running, 409 `request_in_progress`. Answers marked *kept* below are final
for their key. A write is answered after its database commit; whoever hears no answer repeats the request with its key,
or asks `GET /v1/requests/{key}`. Receipts and fiscal documents are unique for ever, whatever the keys. A
receipt made without connection is written once by its number: in `audit_tx` its key begins with `offline №`, as no
caller's can, and what it spent beyond the balance is a debt.

## Confirming a redemption

What is redeemed above the program's `strength` for the way the customer was identified is 403
`confirmation_required`: the customer was sent six digits, and `challenge_id` names them (it is missing where there is
no address). Repeat the same call under the same key with `confirmation`. A wrong code is 403 `confirmation_failed`
with `attempts_left`; after 5 tries, after 180 seconds, and for another customer, receipt, basket or redemption it is
410 `confirmation_dead`: the call without `confirmation` sends a new one. A code is good for what the customer was
told: where costs, `"max"` or the program have changed meanwhile, the call is answered 403 `confirmation_required`
with a new one. A customer is sent a few in ten minutes, then it is 429 `rate_limited`. Where a code can't be sent now
it is 503 `unavailable`, within five seconds. Quotes send nothing. A gift card is its bearer's and has no such limit.
`"max"` asks for no more than the identification allows, so it never needs a code: a till that wants more computes the
number from the `terms` of a quote. `id` and `external_id` count as `card` unless `strength.id` says how much they
may; a program that limits `phone` should limit `id` too, since a look-up by phone tells it. Where a card may redeem
more than a phone, a till that issues or replaces one is answered likewise, and repeats that call with `confirmation`.

## Values

JSON in UTF-8; unknown members, duplicate keys and NaN are refused. **Money** is an integer in the minor unit of the
program's currency, up to 10^12. **Points** are integers. **Quantities** are integers or decimal strings with at most
three decimals (`"0.345"`), up to 10^6. Percentages and factors are decimal strings. Times are RFC 3339 with an offset.
Ids are opaque strings. Lists are `{"items": […], "next": "cursor" | null}` with `?limit=` (1 to 100) and `?cursor=`.

`X-Request-Id` is taken (letters, digits and `._:-`, up to 128) or made, and always returned. `X-Deadline-Ms` is the
till's patience: what can't begin in time answers 503 `deadline_exceeded` and has written nothing.

## What is said

Sentences are in English, or in Russian where `Accept-Language` prefers it; answers that hold any say `Vary:
Accept-Language`. Money in them has the currency's decimals (ISO 4217). `explain` lists every rule with its verdict,
in words and as a sentence; `limited_text` says what cut an effect, `hints` what to add for more, `because` of a
coupon what became of it. All of these are made when read: a stored purchase is told in its reader's language.
`messages` and `print` (blocks ready for the receipt: text, row, code, divider) come from the program's templates, in
the language that was asked for, else English, else the template's first, and stay as they were said that day. A
template that names what there isn't (a code in a quote, a balance of nobody) is left out whole. Each draw prints a
proof: day, rule, ticket.
"""

_ERRORS = """\
## Errors

Every error is `application/problem+json`. `code` is stable, `retryable` says whether the same request may succeed
later, `errors` points at each mistake: an RFC 6901 pointer into the body, or `/query/NAME`, `/header/NAME`. *Kept*
answers are final for their idempotency key. What never became a request is answered likewise, and its connection ended:
400 `malformed_request`, 408 `request_timeout`, 431 `headers_too_large`, 503 `overloaded`.

| status | code | kept | retryable |
| --- | --- | --- | --- |
"""

_LEDGER = """\
## Ledger

Every posting sums to 0 in each wallet. A positive amount on `customer:*` adds to the customer's balance.

| kind | accounts |
| --- | --- |
| `purchase` | accrual: `customer:available` or `customer:pending` against `program:issued` |
| `purchase` | redemption, the cost of rewards: `customer:available` against `program:redeemed` |
| `purchase` | a lot that had expired on arrival: `customer:available` or `customer:pending` against `program:expired` |
| `redeem` | `customer:available` against `program:redeemed` |
| `return` | taken back, given back: `customer:available`, `customer:pending` against `program:returned` |
| `return` | given back to a lot that has expired: `customer:available` against `program:expired` |
| `activate` | `customer:pending` to `customer:available` |
| `expire` | `customer:available` or `customer:pending` against `program:expired` |
| `adjust` | `customer:available` against `program:adjusted` |
| `hold` | `customer:available` to `customer:held` |
| `capture` | `customer:held` against `program:redeemed`; what is not captured as `release`; accrual as `purchase` |
| `release` | `customer:held` to `customer:available`; to a lot that has expired: on to `program:expired` |
| `event` | as `purchase`: another act's reward, a gift card's load, the cost of what was asked for |
| any of them | full sets of a wallet that converts: `customer:available` against `program:converted`, both wallets |

Prizes of draws are accruals of their purchase. A debt is entries on `customer:available` without a lot. What time has
brought (`activate`, `expire`, a hold's end as a `release` without a key) is posted before the call that meets it, with
a version of its own; what converts is entries of the posting that filled the set. Held units are neither available nor
pending, and don't expire while they are held.

`GET /v1/events` reads all postings on from a position, each customer's in the order of versions. `GET
/v1/ledger/findings` lists what the running self-audit found; who has findings redeems nothing until the books add up.

### Hash chain

Each customer's transactions are chained: `hash_0` is 32 zero bytes, `hash_n = SHA-256(hash_{n-1} ∥ canonical form of
transaction n)`. The canonical form is RFC 8785 JSON of an object with the columns of `audit_tx` except `hash` and
`created_at`, and `entries`: the transaction's rows of `audit_entry`, all columns, ordered by `entry_id`. Times are
`YYYY-MM-DDTHH:MM:SS.ffffffZ` in UTC, ids are text.

A day's last hashes of all chains are folded into one root, over the day before's (`GET /v1/ledger/roots/{date}`).
Whoever keeps it can prove a posting by it (`GET /v1/customers/{id}/proof/{tx_id}`), and that nothing older was changed.
"""


def front_page() -> str:
    """Markdown."""
    rows = [
        f"| {kind.status} | `{rejection}` | {_yes(rejection.is_kept)} | {_yes(rejection.is_retryable)} |"
        for rejection, kind in sorted(KINDS.items(), key=lambda pair: pair[1].status)
    ]
    rows.append(f"| 500 | `{INTERNAL_ERROR}` | no | yes |")
    return "\n".join((_INTRODUCTION, _ERRORS + "\n".join(rows) + "\n", _LEDGER))


def _yes(claim: bool) -> str:
    return "yes" if claim else "no"
