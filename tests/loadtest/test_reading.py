"""Files become receipts: formats by content, dirt counted."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import pytest

from loadtest.options import SAMPLE
from loadtest.receipts.files import detect, load, read
from loadtest.receipts.model import Note, ReceiptKind, RowFault, Source, UnusableInputError
from loadtest.receipts.money import minor_units, shown
from tests.loadtest.samples import HEADER, retail

CDNOW_MASTER = (
    " customer_id  date number_of_cds  dollar_value \n"
    " 00001 19970101  1   11.77\n 00002 19970112  1   12.00\n 00002 19970112  5   77.00\n 00003 19970101  2    0.00\n"
)
CDNOW_SAMPLE = " 00004 0001 19970101  2   29.33\n 00021 0002 19970118  3   63.34\n"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_carried_sample_has_the_counts_its_readme_says() -> None:
    reading = read(load(SAMPLE)[0])
    lines = [line for receipt in reading.receipts for line in receipt.lines]
    cancellations = [r for r in reading.receipts if r.kind is ReceiptKind.CANCELLATION]
    assert (reading.rows, len(lines), len(reading.receipts), len(cancellations)) == (20_328, 20_328, 1_324, 261)
    assert len({r.customer for r in reading.receipts}) == 353
    assert len({line.sku for line in lines}) == 2_173
    assert sum(line.money for line in lines) == 52_751_361
    assert max(len(r.lines) for r in reading.receipts) == 176
    assert not reading.faults.total()
    assert reading.notes[Note.SEVERAL_MINUTES] == 4
    moments = [r.at for r in reading.receipts]
    assert moments == sorted(moments)
    assert (moments[0].date().isoformat(), moments[-1].isoformat()) == ("2010-12-01", "2011-05-29T12:26:00")


def test_receipts_come_in_time_order_and_a_sale_before_a_cancellation_of_the_same_minute() -> None:
    text = retail(
        "C100|22423|-1|1/18/2011 10:01|1.04|1",
        "200|22423|1|1/18/2011 10:01|1.04|1",
        "150|22423|1|1/9/2011 10:01|1.04|1",
    )
    assert [r.number for r in read(text).receipts] == ["150", "200", "C100"]


def test_rows_of_one_number_are_one_receipt_at_its_first_minute() -> None:
    text = retail("5|22423|2|1/18/2011 10:02|1.04|1", "5|22960|1|1/18/2011 10:01|0.5|1")
    reading = read(text)
    (receipt,) = reading.receipts
    assert receipt.at == at("2011-01-18T10:01")
    assert [(line.sku, line.quantity, line.price) for line in receipt.lines] == [("22423", 2, 104), ("22960", 1, 50)]
    assert reading.notes[Note.SEVERAL_MINUTES] == 1


def test_codes_that_name_no_goods_have_a_category_and_goods_have_none() -> None:
    rows = [f"5|{code}|1|1/18/2011 10:01|1|1" for code in ("85123A", "POST", "m", "BANK CHARGES", "XYZ")]
    categories = [line.category for line in read(retail(*rows)).receipts[0].lines]
    assert categories == [None, "service/postage", "service/manual", "service/bank-charges", "service/other"]


def test_a_letter_other_than_c_is_an_adjustment() -> None:
    (receipt,) = read(retail("A5|B|1|1/18/2011 10:01|-11062.06|")).receipts
    assert receipt.kind is ReceiptKind.ADJUSTMENT
    assert receipt.customer is None
    assert receipt.lines[0].money == -1_106_206


@pytest.mark.parametrize(
    "row",
    [
        "|22423|2|1/18/2011 10:02|1.04|1",
        "X-5|22423|2|1/18/2011 10:02|1.04|1",
        "5||2|1/18/2011 10:02|1.04|1",
        "5|22423|2.5|1/18/2011 10:02|1.04|1",
        "5|22423||1/18/2011 10:02|1.04|1",
        "5|22423|2|18.1.2011|1.04|1",
        "5|22423|2|1/18/2011 10:02|NaN|1",
        "5|22423|2|1/18/2011 10:02|1e999999|1",
    ],
)
def test_an_unreadable_row_is_counted_and_harms_no_other(row: str) -> None:
    reading = read(retail(row, "6|22423|2|1/18/2011 10:02|1.04|1"))
    assert reading.faults == {RowFault.BROKEN: 1}
    assert (reading.rows, [r.number for r in reading.receipts]) == (2, ["6"])


def test_rows_with_too_few_or_too_many_columns_are_unreadable() -> None:
    text = retail("6|22423|2|1/18/2011 10:02|1.04|1")
    text += "7,22423\n8,22423,TINS,2,1/18/2011 10:02,1.04\n9,22423,TINS,2,1/18/2011 10:02,1.04,1,France,more\n"
    reading = read(text)
    assert (reading.rows, reading.faults) == (4, {RowFault.BROKEN: 3})


def test_a_second_customer_on_one_receipt_is_counted() -> None:
    reading = read(retail("5|22423|2|1/18/2011 10:02|1.04|1", "5|22960|2|1/18/2011 10:02|1.04|2"))
    assert reading.faults == {RowFault.SECOND_CUSTOMER: 1}
    assert reading.receipts[0].customer == "1"


def test_other_spellings_of_the_set_are_read() -> None:
    text = f"{HEADER}\n5,22423 , SIX TINS ,2,2011-01-18 10:02:00,2.5,17850.0,France\n"
    (receipt,) = read(text).receipts
    assert (receipt.customer, receipt.at) == ("17850", at("2011-01-18T10:02"))
    assert (receipt.lines[0].sku, receipt.lines[0].name) == ("22423", "SIX TINS")


def test_money_never_passes_through_a_float() -> None:
    assert minor_units("1.005") == (101, True)
    assert minor_units("-1.005") == (-101, True)
    assert minor_units("0.29") == (29, False)
    assert minor_units("2382") == (238_200, False)
    for text in ("1,5", "", "1e3", "Infinity", "٣"):
        with pytest.raises(ValueError, match="not an amount"):
            minor_units(text)


def test_money_is_shown_with_its_sign_and_thousands() -> None:
    assert [shown(52_751_361), shown(-5), shown(0)] == ["527,513.61", "-0.05", "0.00"]


def test_a_rounded_price_is_noted() -> None:
    assert read(retail("5|22423|2|1/18/2011 10:02|0.125|1")).notes[Note.PRICE_ROUNDED] == 1


def test_cdnow_master_becomes_baskets_of_one_line_that_cost_what_was_paid() -> None:
    reading = read(CDNOW_MASTER)
    assert (reading.source, reading.rows, reading.currency) == (Source.CDNOW, 4, "USD")
    assert [r.number for r in reading.receipts] == [
        "00001-19970101-1",
        "00003-19970101-1",
        "00002-19970112-1",
        "00002-19970112-2",
    ]
    assert [r.at.isoformat() for r in reading.receipts[:2]] == ["1997-01-01T12:00:00", "1997-01-01T12:00:01"]
    line = reading.receipts[-1].lines[0]
    assert (line.quantity, line.price, line.name, line.tags) == (1, 7_700, "5 CDs", ("cds:5",))
    assert reading.receipts[1].lines[0].price == 0
    assert reading.receipts[0].lines[0].name == "1 CD"


def test_cdnow_sample_goes_by_the_number_in_the_master() -> None:
    reading = read(CDNOW_SAMPLE)
    assert [(r.customer, r.number) for r in reading.receipts] == [
        ("00004", "00004-19970101-1"),
        ("00021", "00021-19970118-1"),
    ]


def test_an_unreadable_cdnow_row_is_counted() -> None:
    reading = read(CDNOW_SAMPLE + " 00022 0003 19970231 1 1.00\n what is this\n")
    assert (reading.rows, reading.faults) == (4, {RowFault.BROKEN: 2})


def test_formats_are_told_by_content() -> None:
    assert detect("\n" + CDNOW_MASTER) is Source.CDNOW
    assert detect(CDNOW_SAMPLE) is Source.CDNOW
    assert detect("," + HEADER + "\n") is Source.ONLINE_RETAIL
    for text in ("", "a,b,c\n1,2,3\n", "InvoiceNo,StockCode\n"):
        with pytest.raises(UnusableInputError, match="neither Online Retail"):
            detect(text)


def test_a_file_without_receipts_is_refused() -> None:
    with pytest.raises(UnusableInputError, match="no receipt"):
        read(HEADER + "\n")


def test_a_packed_file_has_the_fingerprint_of_its_text(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.csv", tmp_path / "b.csv.gz"
    plain.write_text(CDNOW_SAMPLE)
    packed.write_bytes(gzip.compress(CDNOW_SAMPLE.encode()))
    assert load(plain) == load(packed)


def test_latin_1_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    latin, marked = tmp_path / "latin.csv", tmp_path / "marked.csv"
    latin.write_bytes("CAFÉ".encode("latin-1"))
    marked.write_bytes("\ufeffCAFÉ".encode())
    assert load(latin)[0] == load(marked)[0] == "CAFÉ"


def test_files_that_cannot_be_read_are_refused_in_one_line(tmp_path: Path) -> None:
    sheet, torn = tmp_path / "a.xlsx", tmp_path / "b.gz"
    sheet.write_bytes(b"PK\x03\x04rest")
    torn.write_bytes(gzip.compress(b"0" * 1000)[:-12])
    for path, text in ((sheet, "save the sheet as CSV"), (torn, "can't read"), (tmp_path / "none", "can't read")):
        with pytest.raises(UnusableInputError, match=text):
            load(path)
