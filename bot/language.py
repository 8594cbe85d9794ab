"""What language a text is in, by its script and by CLD3: offline, and the same on every run.

Does not guess where it is not sure: then the answer is "". Does not know threads; `facts` says which words to look at.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from bot.text import WEB_LINK, clean

_LOOKED_AT = 2_000
_ENOUGH_LETTERS = 24
"""Below it CLD3 is sure and wrong: to it "Bridges hum in the wind." is Latin, with 0.99."""
_SURE = 0.7
"""CLD3's own measure of a reliable answer."""
_SURER, _MORE_LETTERS = 0.97, 40
"""What a language of Latin letters other than English is asked for. Of 1,012 lines of English documentation CLD3 gave
5.6 % to Luxembourgish, Danish, Welsh, … by its own measure; by this one, 0.2 %."""

_SCRIPTS: Final = (
    # Scripts that one language of today writes, or nearly so.
    ("ja", "\u3041-\u30ff\uff66-\uff9f"),
    ("ko", "\u1100-\u11ff\uac00-\ud7a3"),
    ("zh", "\u3400-\u4dbf\u4e00-\u9fff"),
    ("el", "\u0370-\u03ff\u1f00-\u1fff"),
    ("he", "\u05d0-\u05ea"),
    ("th", "\u0e00-\u0e7f"),
    ("lo", "\u0e80-\u0eff"),
    ("my", "\u1000-\u109f"),
    ("km", "\u1780-\u17ff"),
    ("ka", "\u10a0-\u10ff"),
    ("hy", "\u0531-\u0587"),
    ("am", "\u1200-\u137f"),
    ("pa", "\u0a00-\u0a7f"),
    ("gu", "\u0a80-\u0aff"),
    ("ta", "\u0b80-\u0bff"),
    ("te", "\u0c00-\u0c7f"),
    ("kn", "\u0c80-\u0cff"),
    ("ml", "\u0d00-\u0d7f"),
    ("si", "\u0d80-\u0dff"),
)
_LETTERS: Final = {code: f"[{letters}]" for code, letters in _SCRIPTS}
_SHARED_SCRIPTS: Final = (
    # Scripts that several languages write: which one, the model knows.
    ("ru uk be bg mk sr mn kk ky tg", "\u0400-\u052f"),
    ("ar fa ur ps sd", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff"),
    ("hi mr ne", "\u0900-\u097f"),
    ("bn", "\u0980-\u09ff"),
    ("yi", "\u05d0-\u05ea"),
)
_OWN_LETTERS: Final = _LETTERS | {code: f"[{letters}]" for codes, letters in _SHARED_SCRIPTS for code in codes.split()}
_OWN_SHARE = 4
"""A language with a script of its own has every fourth letter in it, at the least: "post 0 of t" is no Japanese."""
_LETTER = re.compile("[^\\W\\d_\u0900-\u0dff]|[\u0900-\u0dff]")
"""Vowel signs of Indian scripts are letters here, though Python's \\w does not hold them."""
_NO_LANGUAGE = re.compile(r"[@#＃]\w{1,100}+")
_KANA_SHARE = 8
"""Where every eighth letter is kana, the Han among them are Japanese."""

_CODES: Final = {"iw": "he", "fil": "tl", "jw": "jv", "in": "id"}
"""CLD3's codes that ISO 639-1 has others for. Three letters are not in ISO 639-1, "-Latn" is mostly a mistake."""


def language_of(text: str) -> str:
    """The ISO 639-1 code of the language that `text` is in, "" where it is too short or nothing is sure."""
    words = _NO_LANGUAGE.sub(" ", WEB_LINK.sub(" ", clean(text[:_LOOKED_AT])))
    letters = len(_LETTER.findall(words))
    if letters < 2:
        return ""
    return _by_script(words, letters) or (_by_model(words, letters) if letters >= _ENOUGH_LETTERS else "")


def _by_script(words: str, letters: int) -> str:
    """The language whose own script has more than half of the letters."""
    if words.isascii():
        return ""
    counts = {code: len(re.findall(pattern, words)) for code, pattern in _LETTERS.items()}
    if counts["ja"] * _KANA_SHARE >= counts["ja"] + counts["zh"] > 0:
        counts["ja"] += counts.pop("zh")
    code = max(counts, key=counts.__getitem__)
    return code if counts[code] * 2 > letters else ""


def _by_model(words: str, letters: int) -> str:
    try:
        import gcld3
    except ImportError:  # no wheel for this machine: then only the scripts tell
        return ""
    # Made anew each time, 0.1 ms: it works without the interpreter's lock and is not safe to share between threads.
    found = gcld3.NNetLanguageIdentifier(0, 4 * _LOOKED_AT).FindLanguage(words)
    if found is None or found.probability < _SURE:
        return ""
    code = _CODES.get(found.language, found.language)
    return code if len(code) == 2 and _is_likely(code, found.probability, words, letters) else ""


def _is_likely(code: str, probability: float, words: str, letters: int) -> bool:
    """Whether the model may be believed: it is sure of many short texts and wrong."""
    if own := _OWN_LETTERS.get(code):
        return len(re.findall(own, words)) * _OWN_SHARE >= letters
    return code == "en" or (probability >= _SURER and letters >= _MORE_LETTERS)


# -- names -------------------------------------------------------------------------------------------

_LISTED: Final = (
    "af Afrikaans|am Amharic|ar Arabic|az Azerbaijani|be Belarusian|bg Bulgarian|bn Bangla|bs Bosnian|ca Catalan|"
    "co Corsican|cs Czech|cy Welsh|da Danish|de German|el Greek|en English|eo Esperanto|es Spanish|et Estonian|"
    "eu Basque|fa Persian|fi Finnish|fr French|fy Western Frisian|ga Irish|gd Scottish Gaelic|gl Galician|"
    "gu Gujarati|ha Hausa|he Hebrew|hi Hindi|hr Croatian|ht Haitian Creole|hu Hungarian|hy Armenian|id Indonesian|"
    "ig Igbo|is Icelandic|it Italian|ja Japanese|jv Javanese|ka Georgian|kk Kazakh|km Khmer|kn Kannada|ko Korean|"
    "ku Kurdish|ky Kyrgyz|la Latin|lb Luxembourgish|lo Lao|lt Lithuanian|lv Latvian|mg Malagasy|mi Māori|"
    "mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|mt Maltese|my Burmese|ne Nepali|nl Dutch|"
    "no Norwegian|ny Nyanja|pa Punjabi|pl Polish|ps Pashto|pt Portuguese|ro Romanian|ru Russian|sd Sindhi|"
    "si Sinhala|sk Slovak|sl Slovenian|sm Samoan|sn Shona|so Somali|sq Albanian|sr Serbian|st Southern Sotho|"
    "su Sundanese|sv Swedish|sw Swahili|ta Tamil|te Telugu|tg Tajik|th Thai|tl Filipino|tr Turkish|uk Ukrainian|"
    "ur Urdu|uz Uzbek|vi Vietnamese|xh Xhosa|yi Yiddish|yo Yoruba|zh Chinese|zu Zulu"
)
_NAMES: Final = dict(pair.split(" ", 1) for pair in _LISTED.split("|"))
"""The languages that can be told apart here. A library of all names is larger than the rest of us (Babel: 30 MB)."""


def known_languages() -> Collection[str]:
    """The codes of all languages that can be recognised."""
    return _NAMES.keys()


def language_name(code: str) -> str:
    """What the language is called in English, "" if it is not known."""
    return _NAMES.get(code, "")
