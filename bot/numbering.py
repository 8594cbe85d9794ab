"""What authors write to count ("1/", "2/12", "First,", "第二に", "Tip 4:"), and which posts of a thread are missing.

Does not decide what is worth telling; that is `summary`. Knows marks at the start and the end of a text only: numbers
in its middle are the author's business.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from bot.model import Post

LAST: Final = 10_000
"""The number of "Finally,": after all others."""

_LOOK = 120
"""A mark stands within so many characters of a text's start or end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A mark at the start of a text. `kind`: marks of one kind count together. `end`: where the words begin.

    `number` is 0 for a bullet, `LAST` for "Finally,"; `total` is what stands after the slash, 0 for nothing.
    """

    kind: str
    number: int
    total: int = 0
    end: int


# -- the marks ---------------------------------------------------------------------------------------

_NUMBERING = re.compile(
    r"^(?:\W{0,3}\(?\d{1,3}\s*/\s*(?:\d{1,3}|[nNxX?])?\s*\)?|\d{1,2}[.)])"  # 1/ · (2/12) · 🧵 3/n · 4.
    r"(?:\s*[:.\-\u2013\u2014])?\s+"
)
_SLASH = re.compile(
    r"[^\w/]{0,4}(\d{1,3}) ?/ ?(?:(\d{1,3})|[nNxX?])?(?![\d/])[)\]]?(?: ?[:.\-\u2013\u2014])?"
    # Not "1/3 of voters", "2/3 der Stimmen": a fraction. Not "24/7support".
    r"(?! (?:of|de|des|du|der|di|do|da|van)\b)(?:(?=\s|$)|(?<=/)(?=\D)|(?<=[)\]]))"
)
_KEYCAP = re.compile("([0-9])\ufe0f?\u20e3")
_NUMBER = re.compile(
    r"[(\[（【]?(\d{1,3})(?:[.):\-–—\]](?=\s)|[、．）】])"  # 4. · (4) · [4] · 4: · 4、
)
_LABEL = re.compile(r"\W{0,4}([^\W\d_]{2,14}) ?[#№]?(\d{1,3}) ?[:.)\-–—：、](?![\d:])|\W{0,3}#(\d{1,2})[:.)]?(?=\s)")
_LONGEST_BULLET = 8
"""A family is seven characters, a flag two."""
_PLAIN_BULLETS = "-–—*+•●‣▪▫■□◦➡→➤▶►✅☑✔·"

_ORDINALS: Final = (
    # One line a number; words of many languages. Those with "*" need no comma after them.
    (
        "first|first of all|firstly*|premièrement*|premier|première|d'abord|erstens*|erste|erster|erstes|primero|"
        "primera|primeramente|primo|prima|primeiro|primeira|eerste|ten eerste*|во-первых*|первое|первый|"
        "по-перше*|po pierwsze*|birincisi|birinci|ilk olarak*|أولا*|أولاً*|أولًا*|نخست|اول|पहला|पहली|पहले|"
        "第一に*|第一|第一个*|第一点*|一つ目*|1つ目*|まず*|首先*|첫째*|첫 번째*|pertama|thứ nhất*|"
        "för det första*|za prvé*|ensinnäkin*"
    ),
    (
        "second|secondly*|deuxièmement*|deuxième|seconde|zweitens*|zweite|zweiter|zweites|segundo|segunda|"
        "secondo|seconda|tweede|ten tweede*|во-вторых*|второе|второй|по-друге*|po drugie*|ikincisi|ikinci|ثانيا*|"
        "ثانياً*|ثانيًا*|دوم|दूसरा|दूसरी|दूसरे|第二に*|第二|第二个*|第二点*|二つ目*|2つ目*|次に*|其次*|둘째*|"
        "두 번째*|kedua|thứ hai*|för det andra*|za druhé*|toiseksi*"
    ),
    (
        "third|thirdly*|troisièmement*|troisième|drittens*|dritte|dritter|drittes|tercero|tercera|terzo|terza|"
        "terceiro|terceira|derde|ten derde*|в-третьих*|третье|третий|по-третє*|po trzecie*|üçüncüsü|üçüncü|"
        "ثالثا*|ثالثاً*|ثالثًا*|سوم|तीसरा|तीसरी|तीसरे|第三に*|第三|第三个*|第三点*|三つ目*|3つ目*|再次*|셋째*|"
        "세 번째*|ketiga|thứ ba*|för det tredje*|za třetí*"
    ),
    (
        "fourth|fourthly*|quatrièmement*|quatrième|viertens*|vierte|vierter|viertes|cuarto|cuarta|quarto|quarta|"
        "vierde|в-четвёртых*|в-четвертых*|четвёртый|رابعا*|رابعاً*|رابعًا*|चौथा|चौथी|चौथे|第四に*|第四|第四个*|"
        "第四点*|四つ目*|4つ目*|넷째*|keempat|thứ tư*|dördüncü"
    ),
    (
        "fifth|fifthly*|cinquièmement*|cinquième|fünftens*|fünfte|fünfter|fünftes|quinto|quinta|vijfde|в-пятых*|"
        "خامسا*|خامساً*|خامسًا*|पाँचवाँ|पांचवां|पाँचवीं|第五に*|第五|第五个*|第五点*|五つ目*|5つ目*|다섯째*|"
        "kelima|thứ năm*|beşinci"
    ),
    (
        "sixth|sixthly*|sixièmement*|sixième|sechstens*|sechste|sexto|sexta|sesto|zesde|в-шестых*|سادسا*|سادساً*|"
        "छठा|第六に*|第六|第六个*|第六点*|여섯째*"
    ),
    (
        "seventh|septièmement*|septième|siebtens*|siebte|séptimo|settimo|sétimo|zevende|سابعا*|第七に*|第七|"
        "第七个*|第七点*|일곱째*"
    ),
    "eighth|huitièmement*|achtens*|achte|octavo|ottavo|oitavo|achtste|ثامنا*|第八に*|第八|第八个*|第八点*|여덟째*",
    "ninth|neuvièmement*|neuntens*|noveno|nono|negende|تاسعا*|第九に*|第九|第九个*|第九点*",
    "tenth|dixièmement*|zehntens*|décimo|decimo|tiende|عاشرا*|第十に*|第十|第十个*|第十点*",
)
_FINALS: Final = (
    "finally|lastly|last|last but not least|enfin|pour finir|schließlich|zuletzt|por último|finalmente|infine|"
    "por fim|ten slotte|tot slot|наконец*|нарешті|wreszcie|son olarak|أخيرا*|أخيراً*|أخيرًا*|وأخيرا*|अंत में|"
    "最後に*|最后*|마지막으로*"
)


_CARDINAL = re.compile(r"\W{0,3}(two|three|four|five|six|seven|eight|nine|ten|one)(?=[:.]\s)", re.IGNORECASE)
"""Only with a stop right behind: not "Two weeks later,"."""


def _numbered_words() -> dict[str, tuple[int, bool]]:
    """Each ordinal, with its number and whether it counts without a comma."""
    lines = [*enumerate(_ORDINALS, 1), (LAST, _FINALS)]
    return {word.rstrip("*"): (number, word.endswith("*")) for number, line in lines for word in line.split("|")}


_WORDS: Final = _numbered_words()
_LONGEST_WORD: Final = max(map(len, _WORDS))
_FIRST_LETTERS: Final = frozenset(word[0] for word in _WORDS)
_ARTICLE = re.compile(r"\W{0,3}(?:(?:the|and|la|le|el|il|o|a|die|der|das|und|et|y|e)\s)?", re.IGNORECASE)
_COMMA = re.compile(r"(?:\s[^\s,:;、，：،.–—]{1,20}){0,2} ?[,:;、，：،.–—]")
"""A comma or the like, after at most two more words: "The first lesson is:"."""


def without_number(line: str) -> str:
    """`line` without the number of the post or point that it starts with; "" if nothing else is there."""
    number = _NUMBERING.match(line)
    return line[number.end() :] if number else line


_FIGURE_NEAR = re.compile(r"[^\n]{0,20}?\d|\w{1,10} ?[:：.)]")


def mark_of(text: str, *, starts_line: bool = True) -> Mark | None:
    """The mark that `text` starts with. Within a line, after a sentence, only words ("Second,") count."""
    start = text[:_LOOK]
    # Most lines start with a word and have no figure near: 3 of 5 µs a line.
    plain = start[:1].isalpha() and not _FIGURE_NEAR.match(start)
    if starts_line and not plain and (mark := _slash(start) or _figure(start) or _bullet(start)):
        return mark
    return _ordinal(start)


_QUESTION = re.compile(
    r"(?:Q|Question|F|Frage|P|Pregunta|Pergunta|Domanda|V|Vraag|В|Вопрос|質問|问|問|س|سؤال|प्रश्न|"
    r"질문) ?\d{0,2} ?[:：.)](?=\s|[^\x00-\x7f])",
    re.IGNORECASE,
)


def _slash(start: str) -> Mark | None:
    found = _SLASH.match(start)
    if not found or (found[2] and int(found[2]) < 2):
        return None
    return Mark(kind="/", number=int(found[1]), total=int(found[2] or 0), end=_blanks_after(start, found.end()))


def _figure(start: str) -> Mark | None:
    """A number, with or without a word before it: 4. · (4) · 4️⃣ · ④ · Tip 4: · #4 · Q:."""
    if start and "\u2460" <= start[0] <= "\u2473":
        return Mark(kind="①", number=ord(start[0]) - 0x245F, end=_blanks_after(start, 1))
    if found := _QUESTION.match(start):
        return Mark(kind="Q", number=0, end=_blanks_after(start, found.end()))
    if found := _KEYCAP.match(start):
        return Mark(kind="keycap", number=int(found[1]), end=_blanks_after(start, found.end()))
    if found := _NUMBER.match(start):
        return Mark(kind=".", number=int(found[1]), end=_blanks_after(start, found.end()))
    if found := _LABEL.match(start):
        kind = f"{(found[1] or '').casefold()} #"
        return Mark(kind=kind, number=int(found[2] or found[3]), end=_blanks_after(start, found.end()))
    return None


def _bullet(start: str) -> Mark | None:
    """A dash, a dot, an arrow, a flag or any picture, with a blank after it."""
    if not start or not (start[0] in _PLAIN_BULLETS or unicodedata.category(start[0]) == "So"):
        return None
    sign = start.split(maxsplit=1)[0]
    if len(sign) > _LONGEST_BULLET or len(sign) == len(start.rstrip()) or any(map(str.isalnum, sign)):
        return None
    return Mark(kind="•", number=0, end=_blanks_after(start, len(sign)))


def _ordinal(start: str) -> Mark | None:
    if found := _CARDINAL.match(start):
        return Mark(kind="ordinal", number=_COUNT_WORDS.get(found[1].casefold(), 1), end=found.end(1))
    at = _ARTICLE.match(start).end()  # type: ignore[union-attr]  # it matches nothing at least
    word = _ordinal_word(start[at : at + _LONGEST_WORD].replace("İ", "i").lower())
    if not word:
        return None
    end = at + len(word)
    number, stands_alone = _WORDS[word]
    return Mark(kind="ordinal", number=number, end=end) if stands_alone or _COMMA.match(start, end) else None


def _ordinal_word(start: str) -> str:
    """The longest ordinal that `start` begins with, "" for none. (One pattern of them all took 0.2 ms a sentence.)"""
    if start[:1] not in _FIRST_LETTERS:
        return ""
    lengths = range(len(start), 0, -1)
    return next((start[:n] for n in lengths if start[:n] in _WORDS and not _in_word(start, n)), "")


def _in_word(text: str, at: int) -> bool:
    """Whether a word goes on at `at`; scripts without spaces do not tell."""
    return text[at : at + 1].isalpha() and not "\u3040" <= text[at - 1] <= "\u9fff"


def _blanks_after(text: str, at: int) -> int:
    return at + len(text[at:]) - len(text[at:].lstrip())


# -- announced counts --------------------------------------------------------------------------------

_COUNTS: Final = (
    "two|deux|zwei|dos|due|dois|duas|twee|два|две|дві|dwa|iki|två|اثنان|दो|二つ|两|둘|dua|hai",
    "three|trois|drei|tres|tre|três|drie|три|trzy|üç|ثلاثة|ثلاث|سه|तीन|三|세|tiga|ba",
    "four|quatre|vier|cuatro|quattro|quatro|четыре|чотири|cztery|dört|fyra|أربعة|أربع|چهار|चार|四|네|empat|bốn",
    "five|cinq|fünf|cinco|cinque|vijf|пять|п'ять|pięć|beş|fem|خمسة|خمس|پنج|पाँच|पांच|五|다섯|lima|năm",
    "six|sechs|seis|sei|zes|шесть|шість|sześć|altı|sex|ستة|ست|छह|六|여섯|enam|sáu",
    "seven|sept|sieben|siete|sette|sete|zeven|семь|сім|siedem|yedi|sju|سبعة|سبع|सात|七|일곱|tujuh|bảy",
    "eight|huit|acht|ocho|otto|oito|восемь|вісім|osiem|sekiz|åtta|ثمانية|ثماني|आठ|八|여덟|delapan|tám",
    "nine|neuf|neun|nueve|nove|negen|девять|dziewięć|dokuz|nio|تسعة|تسع|नौ|九|아홉|sembilan|chín",
    "ten|dix|zehn|diez|dieci|dez|tien|десять|dziesięć|on|tio|عشرة|عشر|दस|十|열|sepuluh|mười",
)
_COUNT_WORDS: Final = {word: number for number, line in enumerate(_COUNTS, 2) for word in line.split("|")}
_UNIT = (
    r"(?!\s(?:times|years?|months?|weeks?|days?|hours?|minutes?|seconds?|percent|per cent|million|billion|thousand|"
    r"mal|jahren?|tage|stunden|prozent|ans|années|mois|jours|fois|pour cent|años|meses|días|veces|anni|volte|лет|"
    r"года?)\b)"
)
"""What follows a number that measures: "ten times as big", "5 years ago"."""
_COUNT_WORD = re.compile(r"[^\s\d,.;:!?()\"“”'…，。：]{1,14}+" + _UNIT)
_COUNT_FIGURE = re.compile(r"(?<![\d.,/:$€£%-])(\d{1,2})(?!\d|[.,/:]\d|[%°])" + _UNIT)
_HAN_COUNT = re.compile("([二三四五六七八九十两])(?:つ|個|点|條|条|个|大|件|項|项|课|課|步|種|种|の)")


def counts_in(text: str) -> frozenset[int]:
    """Every small number that `text` says, in figures or in words: of "Four lessons in 2 parts", 4 and 2."""
    figures = {int(found[1]) for found in _COUNT_FIGURE.finditer(text)}
    words = {_COUNT_WORDS[word] for word in _COUNT_WORD.findall(text.casefold()) if word in _COUNT_WORDS}
    han = {_COUNT_WORDS[found[1]] for found in _HAN_COUNT.finditer(text) if found[1] in _COUNT_WORDS}
    return frozenset(number for number in figures | words | han if number > 1)


# -- what is missing ---------------------------------------------------------------------------------

_MOST_MISSING = 30
"""A greater leap without a total is no numbering: "1/" and later "100/"."""
_MOST_NAMED = 4
"""So many posts or stretches of posts are named; more are counted."""
_LEADING_MENTIONS = re.compile(r"(?:@[\w.@-]{1,80}+\s{1,3}+){0,50}+")
_LONE = re.compile(r"(?:^|[(\[\n🧵]) ?1 ?/ ?(\d{1,3})(?:[)\]]|\s{0,3}$|(?<=🧵))")
"""The only number of a thread is believed where it stands apart: "(1/12)", not "from 1/12 on"."""
_AT_END = re.compile(r"(?:^|[\s(\[])(\d{1,3}) ?/ ?(?:(\d{1,3})|[nNxX?])?[)\]]?\s{0,3}$")


class _Place(NamedTuple):
    """What a post says of its place in the thread: the number and the total (0 for none) beside its index."""

    at: int
    number: int
    total: int


def incomplete(posts: Sequence[Post], post_count: int | None, removed: Sequence[Post] = ()) -> str:
    """Why a thread is probably incomplete, in words that follow "probably incomplete: "; "" if nothing says so.

    Only leaps count. Numbers that repeat, that go past the total ("8/7") or begin anew were all seen in threads that
    are whole, and posts without a number may be those that a leap seems to miss. `removed`: posts that the author took
    back, which are not missing.
    """
    if post_count is not None and 0 < len(posts) < post_count - len(removed):
        return f"{len(posts)} of {post_count} posts found"
    places = _believed(list(_places(posts)))
    total = _total(places) or _lone_total(posts, places)
    gone = {place.number for place in _places(removed)}
    leapt = [number for number in _missing(places, total) if number not in gone]
    after = [number for number in _after_end(places, total, len(posts), len(removed)) if number not in gone]
    if leapt:
        return _said([*leapt, *after], total)
    return f"{len(posts)} of {total} posts found" if after else ""


def _believed(places: Sequence[_Place]) -> list[_Place]:
    """The places without fractions and dates: "9/11", "24/7". A total is that of the thread if two posts name it."""
    named = Counter(place.total for place in places)
    return [place for place in places if not place.total or (place.number <= place.total and named[place.total] > 1)]


def _lone_total(posts: Sequence[Post], places: Sequence[_Place]) -> int:
    """The total of a thread whose opening alone is numbered, or else only without totals."""
    found = _LONE.search(posts[0].text[-_LOOK:]) or _LONE.match(posts[0].text[:_LOOK]) if posts else None
    return int(found[1]) if found and all(place.at for place in places) else 0


def _places(posts: Iterable[Post]) -> Iterator[_Place]:
    for at, post in enumerate(posts):
        start = _LEADING_MENTIONS.match(post.text)
        found = _slash(post.text[start.end() if start else 0 :][:_LOOK]) or _at_end(post.text)
        if found:
            yield _Place(at, found.number, found.total)


def _at_end(text: str) -> Mark | None:
    found = _AT_END.search(text[-_LOOK:])
    return Mark(kind="/", number=int(found[1]), total=int(found[2] or 0), end=0) if found else None


def _total(places: Sequence[_Place]) -> int:
    """The total that the numbers name last, 0 if they name none."""
    return next((place.total for place in reversed(places) if place.total), 0)


def _missing(places: Sequence[_Place], total: int) -> list[int]:
    """The numbers that are leapt over and stand nowhere else."""
    if len(places) < 2:
        return []
    seen = {place.number for place in places}
    leaps = [
        number
        for before, after in pairwise((_Place(-1, 0, 0), *places))
        for number in _leapt(before, after, total)
        if number not in seen
    ]
    return sorted(set(leaps))


def _leapt(before: _Place, after: _Place, total: int) -> Iterable[int]:
    """The numbers between two places for which there is no post between them. Those have no number of their own."""
    between = after.at - before.at - 1
    leap = after.number - before.number - 1
    if leap <= between or (total and after.number > total) or (not total and leap > _MOST_MISSING):
        return ()
    return range(before.number + 1 + between, after.number)


def _after_end(places: Sequence[_Place], total: int, posts: int, removed: int) -> range:
    """The numbers up to the total for which there is no post after the highest number.

    None where there are posts enough: some of them have no number, the last one perhaps among them.
    """
    last = max(places, key=lambda place: (place.number, place.at), default=_Place(0, 1, total))
    return range(last.number + posts - last.at, total + 1) if posts + removed < total else range(0)


def _said(missing: Sequence[int], total: int) -> str:
    of = f" of {total}" if total else ""
    parts = list(_stretches(missing))
    if len(parts) > _MOST_NAMED:
        return f"{len(missing)} posts{of} are missing"
    if len(missing) == 1:
        return f"post {parts[0]}{of} is missing"
    named = " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)
    return f"posts {named}{of} are missing"


def _stretches(numbers: Sequence[int]) -> Iterator[str]:
    """Rising numbers, those that follow each other as one: "4", "6 to 12"; but "3", "4"."""
    start = 0
    for end in range(1, len(numbers) + 1):
        if end < len(numbers) and numbers[end] == numbers[end - 1] + 1:
            continue
        stretch = numbers[start:end]
        yield from map(str, stretch) if len(stretch) < 3 else (f"{stretch[0]} to {stretch[-1]}",)
        start = end
