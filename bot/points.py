"""Takes a thread apart: into sayings (a sentence, a line of a list), and into the lists that these make.

Does not choose what is told; that is `summary`. Changes no word: a saying is a piece of its post's text.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.model import Post
from bot.numbering import LAST, Mark, counts_in, mark_of
from bot.text import WEB_LINK, is_hook, quotations, sentence_spans, words_of

MOST_POSTS = 400
_MOST_CHARACTERS = 120_000
"""What is looked at: ten thousand posts cannot be read in a few milliseconds, nor be told in 600 characters."""
_SHORT_LINE = 60
"""A line without a full stop that is shorter than this may go on in the next one, as those of poems do."""
_LONGEST_SAYING = 400
_OPENING = 2
_ENDING = 12
"""Only the last sayings plead and name sources, never the first two: "For every retweet this gets I'll add a tip"."""
_Span = tuple[int, int, Mark | None]
_NO_WORDS = re.compile(r"(?:https?://|[#＃@])\S++", re.IGNORECASE)
_WITHOUT_LETTERS = re.compile(r"[\W\d_]*+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """A sentence or a line: `text` is `words[start:end]` of the post with index `post`; it begins with its mark.

    What may not be told apart is one saying: a quotation, a sentence and the "But …" after it (then it is `bound`).
    `qualifies`: it takes back or narrows what the post before says.
    `aside`: it tells nothing of the matter: it announces the thread, pleads for a share, names a source.
    """

    post: int
    start: int
    end: int
    text: str
    mark: Mark | None = None
    opens_post: bool = False
    aside: bool = False
    bound: bool = False
    qualifies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Sayings that count together. `announced`: the thread says before how many there will be."""

    sayings: tuple[int, ...]
    size: int
    announced: bool = False


# -- sayings -----------------------------------------------------------------------------------------


def words_looked_at(posts: Sequence[Post]) -> tuple[str, ...]:
    """The words of each post, as far as they are looked at."""
    kept, length = [], 0
    for post in posts[:MOST_POSTS]:
        kept.append(words_of(post))
        length += len(kept[-1])
        if length > _MOST_CHARACTERS:
            break
    return tuple(kept)


def sayings_of(words: Sequence[str]) -> tuple[Saying, ...]:
    """Every saying of the thread that says something, in order."""
    found = [saying for post, text in enumerate(words) for saying in _sayings(post, text)]
    ending = max(len(found) - _ENDING, _OPENING)
    return tuple(
        replace(saying, aside=True) if _is_herald(saying) or (at >= ending and _is_closing(saying)) else saying
        for at, saying in enumerate(found)
    )


def _sayings(post: int, words: str) -> Iterator[Saying]:
    opens = True
    spans = (span for paragraph in _paragraphs(words) for span in _spans(words, *paragraph))
    for start, end, mark, bound in _bound_together(words, spans):
        if not says_nothing(text := words[start:end]):
            yield Saying(
                post=post,
                start=start,
                end=end,
                text=text,
                mark=mark,
                opens_post=opens,
                bound=bound,
                qualifies=opens and is_qualifier(text),
            )
            opens = False


def _bound_together(words: str, spans: Iterable[_Span]) -> Iterator[tuple[int, int, Mark | None, bool]]:
    """The sentences, as one where they may not be told apart."""
    quoted = deque(quotations(words))
    start, end, first, bound = 0, 0, None, False
    for at, after, mark in spans:
        while quoted and quoted[0][1] <= end:
            quoted.popleft()
        in_quotation = bool(quoted) and quoted[0][0] < end and at < quoted[0][1]
        if end and (in_quotation or (mark is None and is_qualifier(words[at:after]))):
            end, bound = after, True
            continue
        if end:
            yield start, end, first, bound
        start, end, first, bound = at, after, mark, False
    if end:
        yield start, end, first, bound


def says_nothing(text: str) -> bool:
    """Whether `text` has no words: only links, hashtags, mentions, numbers, pictures."""
    if "#" in text or "＃" in text or "@" in text or "://" in text:
        text = _NO_WORDS.sub(" ", text)
    return bool(_WITHOUT_LETTERS.match(text))


def _paragraphs(words: str) -> Iterator[tuple[int, int]]:
    """Lines that belong together: those that go on after a line's end, and neither list nor link begins."""
    start, end = 0, 0
    for at, after in _lines(words):
        line = words[at:after]
        if not line.strip():
            if end > start:
                yield start, end
            start = end = after
        elif end > start and _goes_on(words[start:end], line):
            end = after
        else:
            if end > start:
                yield start, end
            start, end = at, after
    if end > start:
        yield start, end


def _lines(words: str) -> Iterator[tuple[int, int]]:
    at = 0
    for line in words.split("\n"):
        yield at, at + len(line)
        at += len(line) + 1


def _goes_on(before: str, line: str) -> bool:
    last = before[before.rfind("\n") + 1 :].rstrip()
    return (
        len(before) < _LONGEST_SAYING // 2
        and len(last) < _SHORT_LINE
        and not last.endswith((".", "!", "?", "…", ":", "。", "！", "？", "：", "؟", "।"))
        and not (mark_of(line.lstrip()) or mark_of(last.lstrip()))
        and not (WEB_LINK.match(line.lstrip()) or says_nothing(last))
    )


def _spans(words: str, start: int, end: int) -> Iterator[_Span]:
    """The sentences between `start` and `end`. The mark is no sentence of its own: "1. Sleep." is one."""
    start += len(words[start:end]) - len(words[start:end].lstrip())
    mark = mark_of(words[start:end])
    base = start + (mark.end if mark else 0)
    for number, (at, after) in enumerate(sentence_spans(words[base:end])):
        if number == 0:
            yield start, base + after, mark
        else:
            yield base + at, base + after, mark_of(words[base + at : base + after], starts_line=False)


# -- what may not be told apart ----------------------------------------------------------------------

_QUALIFIER = re.compile(
    r"[\W_]{0,3}(?:"
    # English
    r"(?:but|except|excluding|only|not|however|yet(?! another)|unless|though|nevertheless|nonetheless|"
    r"provided|subject to|with the exception|apart from|at least not|or not|that said|even so|on the other hand|"
    r"defeated|rejected|denied|dismissed|overturned|overruled|reversed|vetoed|withdrawn|retracted|refused|"
    r"failed|lost|debunked|false|wrong|untrue|fake)\b|(?:no|nope|still|instead)[,.!;:]|"
    r"(?:it|he|she|they|we|i|you|that|this|none|nobody)(?: \w{2,6})?(?: not|n[’']t)\W{0,4}$|"
    # French
    r"(?:mais|sauf|excepté|hormis|seulement|uniquement|pas|cependant|toutefois|pourtant|néanmoins|or|"
    r"à moins|à condition|sous réserve|en revanche|rejetée?s?|refusée?s?|annulée?s?)\b|non[,.!]|"
    # German
    r"(?:aber|außer|ausser|ausgenommen|nur|nicht|jedoch|allerdings|doch|dennoch|trotzdem|es sei denn|sofern|"
    r"vorausgesetzt|lediglich|hingegen|dagegen|abgelehnt|aufgehoben|falsch)\b|nein[,.!]|"
    # Spanish
    r"(?:pero|excepto|salvo|s[oó]lo|solamente|[uú]nicamente|sin embargo|no obstante|a menos|a no ser|aunque|"
    r"rechazad[oa]s?|no (?:es|fue|era|lo|se|será|para|a|todos|todas|así|siempre))\b|no[,.!]|"
    # Italian
    r"(?:ma|però|tranne|eccetto|solo|soltanto|non|tuttavia|eppure|a meno|purché|invece|respint[oaie]|bocciat[oaie])\b|"
    # Portuguese
    r"(?:mas|exceto|só|somente|apenas|não|porém|contudo|todavia|no entanto|entretanto|embora|rejeitad[oa]s?)\b|"
    # Dutch
    r"(?:maar|behalve|alleen|niet|echter|toch|tenzij|desondanks|uitgezonderd|mits|slechts|verworpen|afgewezen)\b|"
    r"nee[,.!])",
    re.IGNORECASE,
)
_QUALIFIER_LOOK = 40


def is_qualifier(text: str) -> bool:
    """Whether `text` takes back or narrows what stands before it: "But only …", "Defeated 18–23.", "It will not."."""
    return bool(_QUALIFIER.match(text if len(text) <= _QUALIFIER_LOOK else f"{text[:_QUALIFIER_LOOK]}_"))


# -- what is no content ------------------------------------------------------------------------------

_HERALD = re.compile(
    r"\W*(?:let[’']?s (?:dive|get|go|start|begin)|dive in|read on|keep reading|here (?:we go|goes|it is)|buckle up|"
    r"strap in|bear with me|more below|details below|explained below|c[’']est parti|los geht|vamos|allá vamos|"
    r"andiamo)\b",
    re.IGNORECASE,
)
_PLEA = re.compile(
    r"\W*(?:so |and |also |now |please |pls |kindly )*(?:follow (?:me|us|@|for|along)|"
    r"(?:re-?tweet|repost|share|rt|like|bookmark|save)\b.{0,40}"
    r"\b(?:this|thread|first|post|tweet|below|friends?|rt|repost|retweet)\b|subscribe\b|sign up\b|join my\b|"
    r"the end\b|fin\b|end\W*$|"
    r"if you (?:enjoyed|liked|like|found|want more|learned|made it)\b|that[’']?s (?:it|all)\b|thank you for reading|"
    r"thanks for reading)|"
    r"(?:please|pls|and) (?:re-?tweet|repost|share|rt)\b|follow me\b|my (?:newsletter|patreon|substack)\b|"
    r"thanks? (?:you )?(?:so much |all )?for reading|\bunroll\b|buy me a coffee|support my work|"
    r"partagez (?:ce|si)|retweetez|abonnez-vous|suivez-moi|merci (?:de m[’']avoir|d[’']avoir) lu|fin du (?:fil|thread)|"
    r"teilt (?:diesen|gern)|retweetet|folgt mir|abonniert|danke fürs lesen|"
    r"comparte (?:este|el)|compartan|retuite|sígueme|seguidme|suscríbe|gracias por leer|fin del hilo|"
    r"condividete|condividi (?:questo|il)|seguimi|seguitemi|grazie per (?:aver letto|la lettura)|"
    r"compartilhe|siga-me|me siga|obrigad[oa] por ler|"
    r"フォロー(?:して|お願い|を|よろ)|拡散(?:希望|お願い)|リ(?:ツイート|ポスト)(?:して|お願い|を)|シェア(?:して|お願い)|チャンネル登録|"
    r"关注我|求转发|请转发|欢迎转发|点赞|轉發|تابعوني|تابعني|شاركوا|أعد التغريد|إعادة التغريد|رتويت|"
    r"फॉलो कर|फ़ॉलो कर|शेयर कर|रीट्वीट|подписывайтесь|подпишитесь|сделайте ретвит|поделитесь|팔로우|리트윗|공유해",
    re.IGNORECASE,
)
_SOURCE = re.compile(
    r"\W*(?:sources?|read (?:more|the|it|here)|full (?:report|article|paper|text|story|piece|post)|"
    r"more (?:here|info|on this|details)|"
    r"link|links|references?|further reading|via|h/t|ht|quellen?|fuente|fonte|à lire|mehr dazu|"
    r"参考|出典|出处|المصدر|स्रोत|источник|출처)\b",
    re.IGNORECASE,
)
_PLEA_LOOK = 300


def _is_herald(saying: Saying) -> bool:
    """Whether it only says that something follows: "A thread 👇", "Let's dive in:"."""
    words = saying.text[saying.mark.end :] if saying.mark else saying.text
    return len(words) < _SHORT_LINE and (is_hook(words) or bool(_HERALD.match(words)))


def _is_closing(saying: Saying) -> bool:
    """Whether it asks the reader for something ("Follow me for more"), or only names or points to a source."""
    words = saying.text[saying.mark.end :] if saying.mark else saying.text
    return bool(_PLEA.search(words[:_PLEA_LOOK]) or _SOURCE.match(words)) or words.endswith((":", "：", "👇"))


# -- lists -------------------------------------------------------------------------------------------

_MOST_SKIPPED = 3
"""A list goes on after so few missing points; "1." and later "20." are no list."""
_INLINE = re.compile(r"(?:^|[\s:;,(])[(（]?(?:(\d{1,2})|([a-h]))[)）](?=\s)|([\u2460-\u2468])")
_FEW_POSTS = 4
_BEFORE = 3
"""How many sayings before its first point a list may be announced in."""


def lists_of(sayings: Sequence[Saying]) -> tuple[Points, ...]:
    """The lists of a thread, those that are announced first, then the longer ones, then as they come."""
    found = [*_marked(sayings), *_inline(sayings)]
    # A list within a later sentence is not what the opening announced.
    if not any(one.announced and (len(one.sayings) > 1 or sayings[one.sayings[0]].post == 0) for one in found):
        found += _unmarked(sayings)
    found = [points for points in found if points.announced or _carries(sayings, points)]
    return tuple(sorted(found, key=lambda points: (not points.announced, -points.size, points.sayings)))


def _carries(sayings: Sequence[Saying], points: Points) -> bool:
    """Whether a list carries the thread: it goes over posts, or stands at the start, or there is little else."""
    first, last = sayings[points.sayings[0]].post, sayings[points.sayings[-1]].post
    return last > first or first < 2 or sayings[-1].post < _FEW_POSTS


def _marked(sayings: Sequence[Saying]) -> Iterator[Points]:
    for run in _runs(sayings):
        points = tuple(at for at in run if not sayings[at].aside)
        if run and _is_numbered_post(sayings[run[0]]):
            points = tuple(at for at in points if sayings[at].post)
        if len(points) > 1:
            yield _as_announced(sayings, points)


def _runs(sayings: Sequence[Saying]) -> Iterator[list[int]]:
    """Sayings whose marks are of one kind and count on, up or down."""
    open_runs: dict[str, list[int]] = {}
    for at, saying in enumerate(sayings):
        if saying.mark is None:
            continue
        run = open_runs.setdefault(saying.mark.kind, [])
        if run and not _continues(sayings, run, saying):
            yield run
            run = open_runs[saying.mark.kind] = []
        if not run or saying.mark.number != _number(sayings[run[-1]]) or saying.mark.number == 0:
            run.append(at)
    yield from open_runs.values()


def _is_numbered_post(saying: Saying) -> bool:
    return saying.mark is not None and saying.mark.kind == "/"


def _number(saying: Saying) -> int:
    return saying.mark.number if saying.mark else 0


def _continues(sayings: Sequence[Saying], run: Sequence[int], saying: Saying) -> bool:
    last, number = sayings[run[-1]], _number(saying)
    if number == 0:
        return saying.post == last.post or (saying.post == last.post + 1 and saying.opens_post and last.opens_post)
    step = number - _number(last)
    falls = len(run) > 1 and _number(last) < _number(sayings[run[-2]])
    if step == -1 and (falls or len(run) == 1):
        return True
    return number == LAST or (0 <= step <= _MOST_SKIPPED and not falls)


def _as_announced(sayings: Sequence[Saying], points: tuple[int, ...]) -> Points:
    """A list with whether it was announced; of numbered posts, without the one that sums up what was announced."""
    first, size = points[0], len(points)
    before = (s for at, s in enumerate(sayings[:first]) if s.post == 0 or at >= first - _BEFORE)
    counts = {number for saying in before for number in counts_in(saying.text)}
    if _is_numbered_post(sayings[first]):
        # The posts of a whole thread: "ten times" and eleven numbered posts are no list of ten.
        number = next((number for number in (size, size - 1) if number in counts), 0)
        return Points(sayings=points[: number or size], size=number or size, announced=number > 1)
    return Points(sayings=points, size=size, announced=any(_fits(number, size) for number in counts))


def _fits(number: int, size: int) -> bool:
    """Whether a list of `size` may be what "`number` things" announced: some may be missing, or one too many."""
    return number - (1 if size < 5 else 3) <= size <= number + 1


def _inline(sayings: Sequence[Saying]) -> Iterator[Points]:
    """Sayings that are lists by themselves: "three objectives: (1) …; (2) …; (3) …", "two things: time and money"."""
    for at, saying in enumerate(sayings):
        if (size := _counted_inside(saying.text)) > 1:
            yield Points(sayings=(at,), size=size, announced=size in counts_in(saying.text[: saying.text.find("1")]))
        elif _names_all(saying.text[saying.mark.end if saying.mark else 0 :]):
            yield Points(sayings=(at,), size=2, announced=True)


def _counted_inside(text: str) -> int:
    if text.isascii() and ")" not in text:
        return 0
    count = 0
    for found in _INLINE.finditer(text):
        number = int(found[1]) if found[1] else ord(found[2]) - 96 if found[2] else ord(found[3]) - 0x245F
        count = number if number == count + 1 else count
    return count


def _names_all(text: str) -> bool:
    head, colon, rest = text.replace("：", ":").partition(":")
    if not colon or "//" in rest[:2]:
        return False
    named = len(re.findall("[,;、،，；]", rest))
    return any(named >= number - 1 > 0 for number in counts_in(head))


def _unmarked(sayings: Sequence[Saying]) -> Iterator[Points]:
    """The posts after an opening that says how many there will be, if there are so many, or one more."""
    wanted = {number for s in sayings if s.post == 0 for number in counts_in(s.text)}
    firsts = [at for at, s in enumerate(sayings) if s.opens_post and s.post and not s.aside]
    for number in sorted(wanted, reverse=True):
        if len(firsts) in (number, number + 1):
            yield Points(sayings=tuple(firsts[:number]), size=number, announced=True)
            return
