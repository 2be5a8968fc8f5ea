"""The audit's pure part: right books are right, and each wrong row is named by the check that is there for it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from app.domain.counters import Back, Scope, Use, period_of
from app.domain.ledger import chain
from app.domain.ledger.audit import Check, CountersAudit, CustomerAudit, EntryRow, LotRow, TxRow, read_terms
from app.domain.ledger.audit.links import GENESIS, canonical
from app.domain.ledger.chart import TxKind
from app.domain.ledger.plans import plan_adjust, plan_nobodys, plan_redeem
from app.domain.ledger.postings import Origin
from app.domain.ledger.purchase_states import PurchaseState
from app.domain.program import Period
from tests.domain.ledger import rule_books as rules
from tests.domain.ledger.forgeries import ACTIVATED, ADJUSTED, DAY, FIRST, FORGERIES, GIFT, SPENDING, indebted, visits
from tests.domain.ledger.papers import papers_of
from tests.domain.ledger.rule_books import rule_books
from tests.domain.ledger.shop import START, Shop


def test_right_books_are_right() -> None:
    assert [tx.kind for tx in visits().txs] == [
        "purchase", "activate", "purchase", "return", "redeem", "adjust", "activate", "purchase",
    ]  # fmt: skip
    assert visits().audit() == []
    assert indebted().audit() == []


@pytest.mark.parametrize("terms", [{}, {"debt": "clamp"}, {"activate_after_days": 3, "expire_after_days": 5}])
@given(data=st.data())
def test_whatever_happens_the_books_are_right(terms: dict[str, object], data: st.DataObject) -> None:
    shop = Shop(program=None, **terms)
    purchases = []
    for step in data.draw(
        st.lists(st.sampled_from(["buy", "spend", "return", "days", "gift", "correct"]), max_size=12)
    ):
        units = data.draw(st.integers(1, 30))
        if step == "buy":
            purchases.append(shop.buy(accrue=units, paid=units * 97, qty=data.draw(st.integers(1, 3))))
        elif step == "spend" and shop.available > 0:
            purchases.append(shop.buy(accrue=units, redeem=min(units, shop.available)))
        elif step == "return" and purchases and (bought := data.draw(st.sampled_from(purchases))).is_all_back is False:
            left = bought.lines[0].qty_milli - bought.lines[0].returned_milli
            shop.bring_back(bought, data.draw(st.integers(1, left)))
        elif step == "days":
            shop.pass_days(data.draw(st.integers(1, 4)))
        elif step == "gift" and shop.available > 0:
            units = min(units, shop.available)
            shop.postings.append(
                plan_redeem(shop.book, shop.program, shop.moment(), wallet="points", units=units, origin=Origin())
            )
        elif step == "correct":
            shop.postings.append(
                plan_adjust(shop.book, shop.program, shop.moment(), wallet="points", units=units, origin=Origin())
            )
    assert papers_of(shop, purchases).audit() == []


def test_right_books_of_a_rich_program_are_right() -> None:
    assert [tx.kind for tx in rule_books().txs] == [
        "purchase", "return", "purchase", "return", "event", "event", "purchase",
    ]  # fmt: skip
    assert rule_books().audit() == []


@pytest.mark.parametrize("name", rules.FORGERIES)
def test_a_forgery_in_a_rich_programs_books_is_named(name: str) -> None:
    forge, expected = rules.FORGERIES[name]
    papers = rule_books()
    forge(papers)
    assert papers.checks() == expected


def _uses(shop: Shop, units: int) -> list[Use]:
    """A limit of each period for the customer, and for the program a budget, a cap by day and a bag."""
    today = shop.now.astimezone(shop.program.timezone).date()
    mine = [
        Use(Scope.CUSTOMER, f"cap/{period}", period_of(period, today), units, Back.SHARE, {"1": units})
        for period in Period
    ]
    everybodys = [
        Use(Scope.PROGRAM, "rule/x/budget", "", units, Back.SHARE, {"1": units}),
        Use(Scope.PROGRAM, "cap/day", today.isoformat(), units, Back.SHARE, {"1": units}),
        Use(Scope.PROGRAM, "rule/x/uses", "", 1, Back.WHOLE),
        Use(Scope.PROGRAM, "bag/lucky/p", str(shop.book.version // 3 + 8), 1, Back.NEVER),
    ]
    return [*mine, *everybodys, Use(Scope.CUSTOMER, "rule/x/uses", "", 1, Back.WHOLE)]


@given(data=st.data(), window=st.sampled_from(["ever", "year", "rolling_365d"]))
def test_whatever_a_rich_program_does_the_books_are_right(data: st.DataObject, window: str) -> None:
    policy = {"window": window, "down": "end_of_window"}
    shop = Shop(program={**rules.PROGRAM, "tier_policy": policy, "timezone": "America/New_York"})
    purchases: list[PurchaseState] = []
    for step in data.draw(st.lists(st.sampled_from(["buy", "buy", "draw", "act", "return", "days"]), max_size=14)):
        units = data.draw(st.integers(0, 15))
        gives = {("short", "points"): units, ("s", "stamps"): units} if units else {}
        uses = _uses(shop, units) if data.draw(st.booleans()) else []
        if step == "buy":
            purchases.append(shop.sell(gives=gives, uses=uses, qty=data.draw(st.integers(1, 3)), paid=units * 97))
        elif step == "draw":
            slips = shop.book.memory.slips.get("lucky", [])
            draw = replace(rules.DRAW, keeps=data.draw(st.booleans()), slip_of=slips[0].purchase if slips else None)
            if slips and slips[0].kept:
                draw = replace(draw, prize=None, because="kept")
            purchases.append(shop.sell(gives=gives, uses=uses, draws=[draw]))
        elif step == "act":
            shop.act(gives=gives, uses=[use._replace(back=Back.NEVER, by_line={}) for use in uses])
        elif step == "days":
            shop.pass_days(data.draw(st.sampled_from([1, 6, 40, 370])))
        elif purchases and not (bought := data.draw(st.sampled_from(purchases))).is_all_back:
            left = bought.lines[0].qty_milli - bought.lines[0].returned_milli
            shop.bring_back(bought, data.draw(st.sampled_from([1, left, left])))
    assert papers_of(shop, purchases).audit() == []


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_named(name: str) -> None:
    forge, expected = FORGERIES[name]
    papers = visits()
    forge(papers)
    assert papers.checks() == expected


def test_a_finding_names_the_transaction_and_both_sides() -> None:
    papers = visits()
    papers.forge_entry(GIFT, 1, amount=6)
    by_check = {finding.check: finding for finding in papers.audit()}
    found = by_check[Check.ENTRY_SUM]
    assert (found.customer, found.tx) == (papers.customer, papers.txs[GIFT].tx_id)
    assert (found.expected, found.found) == ("points: 0", "1")


def test_a_changed_posting_is_one_finding_of_the_chain() -> None:
    papers = visits()
    papers.forge_tx(FIRST, receipt="x")
    assert [(finding.check, finding.tx) for finding in papers.audit()] == [(Check.TX_HASH, papers.txs[FIRST].tx_id)]


def test_swapped_versions_break_the_chain() -> None:
    papers = visits()
    gift, adjusted = papers.txs[GIFT], papers.txs[ADJUSTED]
    papers.txs[GIFT] = adjusted._replace(version=gift.version)
    papers.txs[ADJUSTED] = gift._replace(version=adjusted.version)
    assert [finding.tx for finding in papers.audit() if finding.check is Check.TX_HASH] == [
        adjusted.tx_id, gift.tx_id, papers.txs[ACTIVATED].tx_id,
    ]  # fmt: skip


def test_a_purchase_without_connection_makes_a_debt_whatever_the_wallet_says() -> None:
    papers = indebted()
    papers.terms = papers_of(Shop(debt="clamp"), []).terms
    papers.forge_tx(2, kind=TxKind.PURCHASE, reason="a gift")
    assert Check.DEBT in papers.checks()
    papers.forge_tx(2, reason="offline_debt")
    assert Check.DEBT not in papers.checks()


def test_a_debt_is_made_by_a_return_only() -> None:
    papers = indebted()
    papers.forge_tx(2, kind=TxKind.EXPIRE)
    assert Check.DEBT in papers.checks()


def test_a_wallet_without_debt_never_owes() -> None:
    papers = indebted()
    papers.terms = papers_of(Shop(debt="clamp"), []).terms
    assert {(finding.check, finding.tx) for finding in papers.audit()} == {(Check.DEBT, papers.txs[2].tx_id)}


def test_a_debt_leaves_no_active_units() -> None:
    papers = indebted()
    entries = papers.txs[3].entries  # 4 accrued; out of the lot and onto the debt; the program's side.
    papers.forge_tx(3, entries=[entries[0], entries[3]._replace(seq=2)])
    assert papers.checks() == {Check.TX_HASH, Check.DEBT, Check.LOT_REMAINING}


def test_a_missing_customer_is_named_with_all_that_hangs_on_it() -> None:
    papers = visits()
    audit = CustomerAudit(papers.customer, None, lots=papers.lots, terms=papers.terms, counters=CountersAudit([]))
    for tx in papers.txs:
        audit.post(tx)
    audit.close()
    assert [finding.check for finding in audit.take_findings()] == [Check.CUSTOMER_MISSING]


def test_findings_are_taken_once() -> None:
    papers = visits()
    audit = CustomerAudit(papers.customer, papers.row, lots=papers.lots, terms=papers.terms, counters=CountersAudit([]))
    audit.post(papers.txs[0]._replace(hash=bytes(32)))
    assert [finding.check for finding in audit.take_findings()] == [Check.TX_HASH]
    assert audit.take_findings() == []


def _nobodys(**columns: Any) -> TxRow:
    posting = plan_nobodys(Shop().moment(), kind=TxKind.RETURN, origin=Origin(receipt="r")).posting
    row = TxRow(
        version=0, tx_id=str(posting.tx_id), kind="return", idempotency_key=None, shop=None, terminal=None, receipt="r",
        parent_tx=None, program=None, at=posting.at, created_at=posting.created_at,
        hash=chain.next_hash(GENESIS, posting), entries=[], purchase=None,
    )  # fmt: skip
    return row._replace(**columns)


def test_each_posting_of_nobody_is_a_chain_of_its_own() -> None:
    audit = CustomerAudit(None, None, lots=[], terms={}, counters=CountersAudit([]))
    for row in (_nobodys(), _nobodys(), _nobodys(receipt="x")):
        audit.post(row)
    audit.close()
    assert [(finding.check, finding.customer) for finding in audit.take_findings()] == [(Check.TX_HASH, None)]


def test_nobody_has_no_points() -> None:
    entries = [
        EntryRow(1, "customer:available", "points", 5, None, None),
        EntryRow(2, "program:returned", "points", -5, None, None),
    ]
    audit = CustomerAudit(None, None, lots=[], terms={}, counters=CountersAudit([]))
    audit.post(_nobodys(entries=entries))
    assert Check.ENTRY_ACCOUNT in {finding.check for finding in audit.take_findings()}


def test_a_kind_of_a_later_release_may_use_the_whole_chart() -> None:
    papers = visits()
    papers.forge_tx(GIFT, kind="transfer")
    assert papers.checks() == {Check.TX_HASH}
    papers.forge_entry(GIFT, 1, account="partner:airline")
    assert papers.checks() == {Check.TX_HASH}


@given(
    receipt=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    seconds=st.integers(0, 2**32),
)
def test_the_canonical_form_is_the_chains_and_rfc_8785(receipt: str, seconds: int) -> None:
    papers = visits()
    at = datetime.fromtimestamp(seconds, UTC)
    tx = papers.txs[SPENDING]._replace(receipt=receipt, at=at)
    shown = canonical(tx, customer=papers.customer)
    beside = {"hash", "created_at", "purchase", "act", "hold", "reason"}
    members = {name: getattr(tx, name) for name in tx._fields if name not in beside}
    members["at"] = chain.utc_microseconds(at)
    members["customer_id"] = papers.customer
    members["entries"] = [
        {
            **{name: value for name, value in entry._asdict().items() if name != "seq"},
            "entry_id": f"{tx.tx_id}-{entry.seq:06}", "tx_id": tx.tx_id, "customer_id": papers.customer,
        }
        for entry in tx.entries
    ]  # fmt: skip
    assert shown == rfc8785.dumps(members)


def test_terms_are_read_from_the_stored_document() -> None:
    terms = read_terms(
        '{"currency": "RUB", "timezone": "UTC", "wallets": {"b": {}, "a": {"debt": "clamp"}}, "rules": []}'
    )
    assert terms is not None
    assert (terms.default_wallet, list(terms.wallets)) == ("b", ["b", "a"])
    assert read_terms('{"currency": 1}') is None
    assert read_terms("not JSON") is None


def test_an_unlike_lot_keeps_its_next_change() -> None:
    lot = LotRow("1", "points", "2", 5, START + DAY, START + 2 * DAY, is_pending=True)
    assert lot.next_change() == START + DAY
    assert lot._replace(is_pending=False).next_change() == START + 2 * DAY
    assert lot._replace(expires_at=START).next_change() == START
    assert lot._replace(expires_at=None, is_pending=False).next_change() is None
    assert lot._replace(remaining=0).next_change() is None
