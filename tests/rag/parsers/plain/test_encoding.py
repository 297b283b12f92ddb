"""Every encoding a text file is found in decodes to what was written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import SkippedError
from rag.parsers.encodings.decode import decode, decode_declared, looks_like_text

FRENCH = "Tous les êtres humains naissent libres et égaux en dignité et en droits. Où est l’âme ?\n"
GERMAN = "Grüße aus Köln: Die Straße führt über größere Brücken.\n"
POLISH = "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.\n"
CZECH = "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv.\n"
HUNGARIAN = "Minden emberi lény szabadon születik és egyenlő méltósága és joga van.\n"
RUSSIAN = "Все люди рождаются свободными и равными в своём достоинстве и правах.\n"
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια.\n"
TURKISH = "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.\n"
HEBREW = "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.\n"
ARABIC = "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.\n"
THAI = "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ\n"
JAPANESE = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。\n"
CHINESE = "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。\n"
TRADITIONAL = "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心。\n"
KOREAN = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "cp1252"),
        (FRENCH, "mac_roman"),
        (GERMAN, "cp1252"),
        (GERMAN, "cp850"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859_2"),
        (CZECH, "cp1250"),
        (CZECH, "iso8859_2"),
        (HUNGARIAN, "cp1250"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (RUSSIAN, "iso8859_5"),
        (RUSSIAN, "cp866"),
        (RUSSIAN.upper(), "cp1251"),
        (GREEK, "cp1253"),
        (TURKISH, "cp1254"),
        (HEBREW, "cp1255"),
        (ARABIC, "cp1256"),
        (THAI, "cp874"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (CHINESE, "gb18030"),
        (TRADITIONAL, "big5"),
        (KOREAN, "euc_kr"),
        (KOREAN, "iso2022_kr"),
    ],
)
def test_legacy_encodings_are_recognised(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    "text", ["don’t stop", "café", "El Niño", "São Paulo", "price: £5 ½ 20°C", "“Hello”", "© 2020"]
)
def test_a_few_characters_are_windows_1252(text: str) -> None:
    assert decode(text.encode("cp1252")).text == text


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("text", ["Plain words.\r\n", GERMAN, RUSSIAN, CHINESE + "\n"])
def test_unicode_with_and_without_mark(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


@settings(deadline=None)  # the library that repairs is loaded when the first text asks for it
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_utf8_is_taken_as_it_is(text: str) -> None:
    decoded = decode(b"\xef\xbb\xbf" + text.encode())
    assert decoded.text == text
    assert decoded.warning is None


def test_a_few_zeros_do_not_make_text_wide() -> None:
    assert decode(b"abc\x00 " + b"words " * 200).text == "abc  " + "words " * 200


def test_a_damaged_place_does_not_spoil_utf8() -> None:
    data = (GERMAN * 20).encode() + b"\xff\xc3"
    decoded = decode(data)
    assert decoded.text.startswith(GERMAN)
    assert decoded.encoding == "utf-8"
    assert decoded.warning is not None
    assert "2" in decoded.warning


def test_half_a_character_at_the_end_of_utf16_is_reported() -> None:
    decoded = decode("Hello".encode("utf-16") + b"\x41")
    assert decoded.text.startswith("Hello")
    assert decoded.warning


@given(st.binary())
def test_any_bytes_decode_or_are_skipped(data: bytes) -> None:
    try:
        decode(data)
    except SkippedError as error:
        assert "binary" in error.message


@pytest.mark.parametrize(
    "data", [bytes(range(256)) * 8, b"\x00\x01\x02\x03" * 500, b"\x7fELF\x02\x01\x01" + bytes(200)]
)
def test_binary_data_is_no_text(data: bytes) -> None:
    assert not looks_like_text(data)
    with pytest.raises(SkippedError):
        decode(data)


def test_a_head_may_end_within_a_character() -> None:
    assert looks_like_text("é".encode()[:1] + b"")
    assert looks_like_text("日本".encode("utf-16-le")[:3] + b"")
    assert looks_like_text("a b c".encode("utf-16-le")[:5])


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        ("naïve “x”".encode("cp1252"), "iso-8859-1", "naïve “x”"),
        (JAPANESE.encode("cp932"), "Shift_JIS", JAPANESE),
        (GERMAN.encode("utf-8"), "iso-8859-1", GERMAN),
        (GERMAN.encode("cp1252"), "utf-8", GERMAN),
        (GERMAN.encode("utf-16"), "utf-8", GERMAN),
        (GERMAN.encode("cp1252"), "no-such-encoding", GERMAN),
        (b"abc", "rot13", "abc"),
        (b"abc", "utf-16", "abc"),
    ],
)
def test_a_declared_encoding_counts_unless_the_bytes_contradict_it(data: bytes, label: str, text: str) -> None:
    assert decode_declared(data, label).text == text


def test_foreign_lines_of_a_utf8_file_are_decoded_by_themselves() -> None:
    lines = ["Der Schlüssel hängt im Büro.", "Plain.", "Die Tür schließt um neun.", "Die Straße führt übers Land."]
    data = b"\r\n".join(line.encode("cp1252" if "neun" in line else "utf-8") for line in lines)
    decoded = decode(data)
    assert decoded.text == "\r\n".join(lines)
    assert decoded.warning == "One line is in another encoding (cp1252) than the rest (utf-8)."


def test_utf8_that_was_encoded_twice_is_put_right_where_that_is_certain() -> None:
    twice = "Der Schlüssel für die Küche hängt über der Tür.\nPlain.\n"
    decoded = decode(twice.encode().decode("cp1252").encode())
    assert decoded.text == twice
    assert decoded.warning == "One line was encoded twice (utf-8) and put right."
    about = "Größe, Straße, Füße: wer Ã¼ statt ü sieht, las für Windows Gemeintes. Öl, Ähre, Übel, Maße."
    assert decode(about.encode()) == (about, "utf-8", None)
