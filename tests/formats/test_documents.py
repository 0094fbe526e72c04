"""Text out of documents: what is read, and what is refused with a reason that repeats nothing of it."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from callgauge.formats.documents import READERS, DocumentError, extract_text, kind_of


def make_pdf(*pages: str, password: str = "") -> bytes:
    writer = PdfWriter()
    for words in pages:
        page = writer.add_blank_page(612, 792)
        font = DictionaryObject(
            {NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
             NameObject("/BaseFont"): NameObject("/Helvetica")}
        )  # fmt: skip
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        drawn = DecodedStreamObject()
        drawn.set_data(f"BT /F1 12 Tf 72 720 Td ({words}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(drawn)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.txt", b"Open till six.\r\nClosed on Sunday.\n", "Open till six.\nClosed on Sunday."),
        ("A.MD", "# Öffnung\n".encode(), "# Öffnung"),
        ("a.txt", "Öffnung".encode("utf-8-sig"), "Öffnung"),
        ("a.txt", "Öffnung".encode("utf-16"), "Öffnung"),
        ("a.txt", "Öffnung".encode("utf-32"), "Öffnung"),
        ("a.txt", "Öffnung – 5 €".encode("cp1252"), "Öffnung – 5 €"),
        ("a.txt", b"a\x07b", "a b"),
        ("a.json", b'{"a": {"b": [1, true, null, "x"]}, "c": ""}', "a.b: 1\na.b: true\na.b: x"),
        ("a.json", b'["one", "two"]', "one\ntwo"),
        ("a.csv", b"product,price\nMug,12\n,\nCup,\n", "product: Mug; price: 12\nproduct: Cup"),
        ("a.csv", b"Artikel;Preis\nTasse;12,50\n", "Artikel: Tasse; Preis: 12,50"),
        ("a.csv", b'q\ta\n"many\nlines"\tyes\textra\n', "q: many\nlines; a: yes; extra"),
        ("a.csv", b"only,a,header", "only; a; header"),
        ("a.xml", b"<a><b c='1'>x</b>tail<d/> <e>y &amp; z</e></a>", "b (c=1): x\na: tail\ne: y & z"),
        ("a.xml", '<?xml version="1.0" encoding="iso-8859-1"?><a>ö</a>'.encode("latin-1"), "a: ö"),
    ],
)
def test_what_is_read(name: str, data: bytes, text: str) -> None:
    assert extract_text(name, data) == text


def test_a_pdf_gives_the_text_of_its_pages() -> None:
    assert extract_text("a.pdf", make_pdf("Returns within 30 days.", "Page two.")) == (
        "Returns within 30 days.\n\nPage two."
    )


BOMB = b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>'
FILE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.docx", b"x", "end in one of"),
        ("pdf", b"x", "end in one of"),
        ("a.", b"x", "end in one of"),
        ("a.txt", b"", "no text"),
        ("a.txt", b"  \n", "no text"),
        ("a.txt", b"a\x00b", "no text"),
        ("a.txt", b"\x81\x8d\xff", "no text"),
        ("a.txt", b"\xff\xfea", "encoding"),
        ("a.json", b'{"a": ', "not valid JSON"),
        ("a.json", b"[" * 5000 + b"]" * 5000, "JSON|nested"),
        ("a.json", b"{}", "no text"),
        ("a.csv", b"", "no text"),
        ("a.xml", b"<a>", "not valid XML at line 1"),
        ("a.xml", BOMB, "document type"),
        ("a.xml", FILE, "document type"),
        ("a.xml", b"<a>" * 300 + b"</a>" * 300, "nested"),
        ("a.pdf", b"secret words, no pdf", "not a valid PDF|no text"),
        ("a.pdf", make_pdf("Hidden.", password="pw"), "password"),
        ("a.pdf", make_pdf(""), "no text"),
    ],
)
def test_what_is_refused(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason) as refused:
        extract_text(name, data)
    assert "secret" not in str(refused.value)


def test_each_ending_of_the_contract_has_a_reader() -> None:
    assert set(READERS) == {"pdf", "txt", "json", "csv", "xml", "md"}
    assert kind_of("Price list.v2.CSV") == "csv"
