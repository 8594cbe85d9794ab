"""What a thread says, in its author's own words and order: its claim and its points (highlights), or its beginning.

Does not know channels, escapes or templates, and writes no word of its own but the "…" where something is cut.
The same thread gives the same summary on every run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.model import Post
from bot.points import (
    Points,
    Saying,
    lists_of,
    sayings_of,
    words_looked_at,
)
from bot.text import ELLIPSIS, LONGEST_POST, UNSPACED_CHARACTER, shorten

BUDGET = 600

_JOIN = 2
"""What stands between two passages counts as two characters, whatever it will be."""
_SHORTEST_POINT = 45
"""A point cut shorter than this says little: then fewer points are told, whole."""
_ROOMY_POINT = 80
_SHORTEST_REST = 60
_LONGEST_CLAIM = 0.5
_OF_LISTS = 0.75
"""The shares of the budget that the first sentence and, beside other lists, one list may take."""
_TOO_SHORT = 25
_SAYS_NOTHING = 12
_TOO_LONG = 280
_MOST_ALIKE = 0.6
_ENOUGH_WORDS = 4
"""Two sayings that share more of their words than this say the same, if they have words enough to tell."""
_DUE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    r"""Some of a thread's words, of the post with index `post`: clean, whole links, maybe "\\n"."""

    text: str
    post: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Passages in the thread's order. `shown`: indexes of the posts whose words are said whole."""

    passages: tuple[Passage, ...] = ()
    shown: frozenset[int] = frozenset()


def preview(posts: Sequence[Post], *, budget: int = BUDGET) -> Summary:
    """The opening posts, whole while they fit, the last one cut between words."""
    passages: list[Passage] = []
    words, room = words_looked_at(posts), budget
    for post, text in enumerate(map(str.strip, words)):
        if len(text) > room:
            if not passages or room >= _SHORTEST_REST:
                passages.append(Passage(text=shorten(text, room), post=post))
            break
        if text:
            passages.append(Passage(text=text, post=post))
            room -= len(text) + _JOIN
    return _summary(posts, words, passages)


def highlights(posts: Sequence[Post], *, budget: int = BUDGET) -> Summary:
    """The claim and the points that carry the thread, within `budget` characters."""
    words = words_looked_at(posts)
    sayings = sayings_of(words)
    if all(saying.aside for saying in sayings) or _all_fits(words, budget):
        return preview(posts, budget=budget)
    choice = _Choice(sayings, budget)
    _choose_claim(choice)
    _choose_points(choice, lists_of(sayings))
    _choose_more(choice)
    if not choice.texts:
        return preview(posts, budget=budget)
    return _summary(posts, words, _told(words, choice))


def _all_fits(words: Sequence[str], budget: int) -> bool:
    return sum(len(text.strip()) + _JOIN for text in words if text.strip()) <= budget + _JOIN


# -- choosing ----------------------------------------------------------------------------------------


class _Choice:
    """The sayings chosen so far, as they will be told, and the room that is left."""

    def __init__(self, sayings: Sequence[Saying], budget: int) -> None:
        self.sayings = sayings
        self.budget = budget
        self.texts: dict[int, str] = {}
        self.room = budget + _JOIN

    def takes(self, at: int, text: str = "") -> bool:
        """Whether the saying fits, whole or as `text`; then it is chosen."""
        text = text or self.sayings[at].text
        if at in self.texts or len(text) + _JOIN > self.room:
            return False
        self.texts[at] = text
        self.room -= len(text) + _JOIN
        return True

    def takes_short(self, at: int, length: int) -> bool:
        """Whether the saying fits in `length` characters, cut between words where it must be; then it is chosen."""
        short = shorten(self.sayings[at].text, min(length, self.room - _JOIN))
        return len(short) > len(ELLIPSIS) and self.takes(at, short)


def _choose_claim(choice: _Choice) -> None:
    """The first saying that is more than a herald; with what follows it, where it says nothing by itself ("Okay.")."""
    most = max(int(choice.budget * _LONGEST_CLAIM), _SHORTEST_POINT)
    told = [at for at, saying in enumerate(choice.sayings) if not saying.aside]
    for at in told[:2]:
        choice.takes_short(at, most)
        if len(choice.sayings[at].text) >= _SAYS_NOTHING:
            return


def _choose_points(choice: _Choice, lists: Sequence[Points]) -> None:
    """Every list, if all of them fit; else the first with all its points, cut if need be; the others as they fit."""
    points = [at for one in lists for at in one.sayings]
    if _length(choice, points) <= choice.room:
        for at in points:
            choice.takes(at)
        return
    for one in lists:
        if one.announced or _length(choice, one.sayings) <= choice.room * _OF_LISTS or _has_room(choice, one):
            _choose_list(choice, one)


def _has_room(choice: _Choice, points: Points) -> bool:
    """Whether a list that was not announced can be told with enough of each point: three long ones, not ten."""
    new = [at for at in points.sayings if at not in choice.texts]
    return len(new) > 1 and choice.room // len(new) >= _ROOMY_POINT


def _length(choice: _Choice, points: Iterable[int]) -> int:
    return sum(len(choice.sayings[at].text) + _JOIN for at in dict.fromkeys(points) if at not in choice.texts)


def _choose_list(choice: _Choice, points: Points) -> None:
    """The points of one list: whole, or all of them cut alike, or as many as fit."""
    new = [at for at in points.sayings if at not in choice.texts]
    share = _share([len(choice.sayings[at].text) for at in new], choice.room)
    if share < _SHORTEST_POINT // (2 if _is_dense(choice, new) else 1):
        for at in new:
            choice.takes(at)
        return
    for at in new:
        choice.takes_short(at, share)


def _share(lengths: Sequence[int], room: int) -> int:
    """The length to which all must be cut to fit `room` together; those that are shorter leave theirs to the others."""
    room -= _JOIN * len(lengths)
    rest = sorted(lengths)
    for taken, length in enumerate(rest):
        if length * (len(rest) - taken) > room:
            return room // (len(rest) - taken)
        room -= length
    return rest[-1] if rest else 0


def _is_dense(choice: _Choice, points: Sequence[int]) -> bool:
    """Whether the points are in a script that says more in a character: Chinese, Japanese."""
    return any(UNSPACED_CHARACTER.search(choice.sayings[at].text) for at in points[:1])


def _choose_more(choice: _Choice) -> None:
    """The sayings that have most in common with the rest of the thread, while they fit; never the same thing twice."""
    words = [_words(saying.text) for saying in choice.sayings]
    scores = _scores(choice, words)
    for at in sorted(scores, key=lambda at: (-scores[at], at)):
        if choice.room < _TOO_SHORT:
            return
        if not _is_like(words[at], (words[other] for other in choice.texts)):
            _take_with_answer(choice, at)


def _take_with_answer(choice: _Choice, at: int) -> None:
    """A question goes with what follows it, an answer with its question, or not at all."""
    new = [one for one in _question_and_answer(choice.sayings, at) if one not in choice.texts]
    if _length(choice, new) <= choice.room:
        for one in new:
            choice.takes(one)


def _question_and_answer(sayings: Sequence[Saying], at: int) -> tuple[int, ...]:
    before, after = at - 1, at + 1
    if at and sayings[before].post == sayings[at].post and _asks(sayings[before]):
        return before, at
    if _asks(sayings[at]) and after < len(sayings):
        return at, after
    return (at,)


def _asks(saying: Saying) -> bool:
    return saying.text.rstrip("\"'”’»)").endswith(("?", "？", "؟"))


# -- what matters ------------------------------------------------------------------------------------

_WORD = re.compile(r"[^\s\"“”‘’«»()\[\]{}.,;:!?…—–_/#。、！？：「」『』（）؟،؛।·]{3,}+")
_PAIR = re.compile(r"(?=(\w\w))")


def _words(text: str) -> dict[str, None]:
    """The words of a saying, each once, in order; in scripts without spaces, pairs of characters."""
    found = _PAIR.findall(text) if UNSPACED_CHARACTER.search(text) else _WORD.findall(text.casefold())
    return dict.fromkeys(found)


def _scores(choice: _Choice, words: Sequence[Mapping[str, None]]) -> dict[int, int]:
    """How much each saying that is left matters. Whole numbers: sums of fractions depend on their order."""
    often = Counter(word for of_saying in words for word in of_saying)
    # What stands in every fifth saying is grammar ("the", "und", "の"), what stands once has nothing in common.
    common = max(3, len(words) // 5)
    weights = {word: count.bit_length() for word, count in often.items() if 1 < count <= common}
    last = max((saying.post for saying in choice.sayings if not saying.aside), default=0)
    return {
        at: _score(saying, words[at], weights, last) + _DUE * _is_due(choice, at)
        for at, saying in enumerate(choice.sayings)
        if at not in choice.texts and not saying.aside
    }


def _is_due(choice: _Choice, at: int) -> bool:
    """Whether the saying before it was told and needs it: a question, the bare name of a point ("Second, people.")."""
    before = choice.sayings[at - 1] if at else None
    if before is None or at - 1 not in choice.texts:
        return False
    return _asks(before) or (before.mark is not None and len(before.text) < _TOO_SHORT)


_CODE_SIGNS = frozenset("(){};:=<>")
_CODE = re.compile(
    r"[;{}]$|\w\([^\s()]{0,40}\)|\(\)|[=<>!]=|\s=\s|::|->|"
    r"^(?:def|class|import|with|for|if|while|return)\b.{0,200}[:;({]$"
)


def _score(saying: Saying, words: Mapping[str, None], weights: Mapping[str, int], last: int) -> int:
    shared = sum(weights.get(word, 0) for word in words)
    score = 100 * shared // (len(words) + 8)
    score += 150 * (saying.post == 0) + 80 * saying.opens_post + 60 * (saying.post == last and saying.opens_post)
    short, long = len(saying.text) < _TOO_SHORT, len(saying.text) > _TOO_LONG
    return score - 80 * short - 40 * long - 30 * _asks(saying) - 150 * _is_code(saying.text)


def _is_code(text: str) -> bool:
    return not _CODE_SIGNS.isdisjoint(text) and bool(_CODE.search(text))


def _is_like(words: Mapping[str, None], others: Iterable[Mapping[str, None]]) -> bool:
    return any(
        len(words.keys() & other.keys()) > _MOST_ALIKE * min(len(words), len(other))
        for other in others
        if len(other) >= _ENOUGH_WORDS
    )


# -- telling -----------------------------------------------------------------------------------------


def _told(words: Sequence[str], choice: _Choice) -> list[Passage]:
    """What was chosen, in order; sayings that stand side by side in their post are one passage."""
    passages: list[Passage] = []
    before: Saying | None = None
    for at in sorted(choice.texts):
        saying, text = choice.sayings[at], choice.texts[at]
        gap = words[saying.post][before.end : saying.start] if before and before.post == saying.post else None
        if gap is not None and not gap.strip() and not passages[-1].text.endswith(ELLIPSIS):
            joint = "\n" if "\n" in gap else gap[:1]
            passages[-1] = Passage(text=passages[-1].text + joint + text, post=saying.post)
        else:
            passages.append(Passage(text=text, post=saying.post))
        before = saying
    return passages


def _summary(posts: Sequence[Post], words: Sequence[str], passages: Iterable[Passage]) -> Summary:
    passages = tuple(passage for passage in passages if passage.text)
    return Summary(passages=passages, shown=frozenset(_whole(posts, words, passages)))


def _whole(posts: Sequence[Post], words: Sequence[str], passages: Iterable[Passage]) -> Iterator[int]:
    """The posts of which nothing is missing but blanks."""
    for passage in passages:
        read_whole = len(posts[passage.post].text) <= LONGEST_POST
        if read_whole and passage.text.split() == words[passage.post].split():
            yield passage.post
