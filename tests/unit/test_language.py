"""Languages, by script and by model."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from bot.language import language_name, language_of

SAID = {
    "en": "France has some interesting lessons to share from its own experience.",
    "fr": "Voici quatre leçons que je retiens de cette affaire, et pourquoi elles comptent.",
    "de": "Vier Lehren, die ich aus dieser Sache gezogen habe, und warum sie zählen.",
    "es": "Cuatro lecciones que he aprendido de este asunto, y por qué son importantes.",
    "it": "Quattro lezioni che ho imparato da questa vicenda, e perché sono importanti.",
    "pt": "Quatro lições que aprendi com este assunto, e por que elas são importantes.",
    "nl": "Vier lessen die ik uit deze zaak heb getrokken, en waarom ze ertoe doen.",
    "pl": "Cztery lekcje, które wyciągnąłem z tej sprawy, i dlaczego są ważne.",
    "sv": "Fyra lärdomar som jag drar av den här saken, och varför de är viktiga.",
    "tr": "Bu işten çıkardığım dört ders ve bunların neden önemli olduğu.",
    "ru": "Четыре урока, которые я извлёк из этой истории, и почему они важны.",
    "uk": "Чотири уроки, які я виніс із цієї історії, і чому вони важливі.",
    "ar": "أربعة دروس تعلمتها من هذه القضية ولماذا هي مهمة.",
    "fa": "چهار درسی که از این ماجرا گرفتم و چرا آنها مهم هستند.",
    "he": "ארבעה לקחים שלמדתי מהעניין הזה",
    "hi": "इस मामले से मैंने चार सबक सीखे, और वे क्यों ज़रूरी हैं।",
    "ja": "この件から学んだ四つの教訓。",
    "zh": "我从这件事中学到的四个教训。",
    "ko": "이 일에서 배운 네 가지 교훈.",
    "el": "Τέσσερα μαθήματα από αυτή την υπόθεση.",
    "th": "สี่บทเรียนจากเรื่องนี้",
    "vi": "Bốn bài học tôi rút ra từ chuyện này, và vì sao chúng quan trọng.",
}


@pytest.mark.parametrize("code", SAID)
def test_a_sentence_is_known(code: str) -> None:
    """One sentence is enough in any of these."""
    assert language_of(SAID[code]) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "👇👇👇",
        "12345 67890 1234567890 12345678",
        "OK",
        "Bridges hum.",
        "https://le-monde.example/une/longue/adresse",
        "@ann_writes @tom_rail #cyber #nato",
        "\x00\ud800",
    ],
)
def test_too_little_is_no_language(text: str) -> None:
    """Where nothing is sure, nothing is said."""
    assert language_of(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "post 0 of t\npost 1 of t\npost 2 of t\npost 3 of t",
        "Bridges hum in the wind, all of them.",
        "**Settings, SMTP, Docker, running**",
        "no parser and no composer crashes",
        "huginn#3504 (open): no way to clear seen ids.",
    ],
)
def test_english_is_no_other_language(text: str) -> None:
    """CLD3 is sure of Japanese, Latin, Norwegian, Portuguese, Luxembourgish; rather nothing is said."""
    assert language_of(text) in ("en", "")


def test_lines_of_english_are_hardly_ever_another_language() -> None:
    """Of the sentences in our own documentation, at most one in a hundred."""
    docs = Path(__file__).parents[2].joinpath("docs").glob("*.md")
    pieces = (piece for file in docs for piece in re.split(r"(?<=[.!?])\s|[|\n]", file.read_text("utf-8")))
    said = [language_of(piece) for piece in pieces if piece.isascii() and 24 <= len(piece) <= 250]

    assert len(said) > 100
    assert sum(code not in ("en", "") for code in said) <= len(said) / 100


def test_a_foreign_word_changes_nothing() -> None:
    """A name in another script, a link, a mention."""
    assert language_of(f"{SAID['en']} 東京 https://ja.example @tokyo") == "en"
    assert language_of("東京の iPhone の話をします") == "ja"


def test_scripts_are_known_without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CLD3 cannot be installed, the rest of the program works."""
    monkeypatch.setitem(sys.modules, "gcld3", None)

    assert [language_of(SAID[code]) for code in ("ja", "ko", "he", "en")] == ["ja", "ko", "he", ""]


@pytest.mark.parametrize("piece", ["a ", "д", "橋", "\U0001f469", "a\u0301", "\x00", "@a ", "क"])
def test_huge_texts_are_read_in_part(piece: str) -> None:
    """A megabyte of anything is answered at once, and the same way twice."""
    text = piece * (1_000_000 // len(piece))

    assert language_of(text) == language_of(text)


def test_names() -> None:
    """Every language that can be found has one."""
    assert language_name("fr") == "French"
    assert all(language_name(code) for code in SAID)
    assert language_name("xx") == language_name("") == ""
