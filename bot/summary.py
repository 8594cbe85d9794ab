"""What a thread says, in its author's own words and order: its claim and its points (highlights), or its beginning.

Does not know channels, escapes or templates, and writes no word of its own but the "…" where something is cut.
The same thread gives the same summary on every run.
"""

from __future__ import annotations

import re
from bisect import bisect, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from bot.model import Post
from bot.points import (
    Points,
    Saying,
    is_qualifier,
    lists_of,
    sayings_of,
    says_nothing,
    words_looked_at,
)
from bot.text import ELLIPSIS, LONGEST_POST, UNSPACED_CHARACTER, quotations, shorten

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
_MOST_TOGETHER = 3
"""So many sayings before and after one come with it: else a thread of questions would come whole or not at all."""
_OF_BOUND_CLAIM = 0.75
"""A claim with its "But …", or a quotation, may take more of the budget than another."""
_MARK = 1 + len(ELLIPSIS)
"""" …" behind a sentence, or "… " before one: something of the post is left out there."""
_LONE_MARK = len(ELLIPSIS) + _JOIN
"""A "…" by itself: a point of a list is left out."""


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
                passages.append(Passage(text=_cut(text, room) or ("" if passages else shorten(text, room)), post=post))
            break
        if text:
            passages.append(Passage(text=text, post=post))
            room -= len(text) + _JOIN
    return _summary(posts, words, passages)


def highlights(posts: Sequence[Post], *, budget: int = BUDGET) -> Summary:
    """The claim and the points that carry the thread, within `budget` characters.

    Those of the last threads are remembered: a thread is told to each channel in turn, and this is half of what a
    message costs.
    """
    return _highlights(tuple(posts), budget)


@lru_cache(maxsize=16)
def _highlights(posts: tuple[Post, ...], budget: int) -> Summary:
    words = words_looked_at(posts)
    sayings = sayings_of(words)
    if all(saying.aside for saying in sayings) or _all_fits(words, budget):
        return preview(posts, budget=budget)
    lists = lists_of(sayings)
    choice = _Choice(sayings, lists, budget)
    _choose_claim(choice)
    _choose_points(choice, lists)
    _choose_more(choice)
    if not any(at in choice.texts for one in lists for at in one.sayings[1:]):
        _fill(choice)
    if not choice.texts:
        return preview(posts, budget=budget)
    return _summary(posts, words, _told(words, choice))


def _all_fits(words: Sequence[str], budget: int) -> bool:
    return sum(len(text.strip()) + _JOIN for text in words if text.strip()) <= budget + _JOIN


# -- choosing ----------------------------------------------------------------------------------------


class _Choice:
    """The sayings chosen so far, as they will be told, and the room that is left, marks of what is left out paid."""

    def __init__(self, sayings: Sequence[Saying], lists: Sequence[Points], budget: int) -> None:
        self.sayings = sayings
        self.budget = budget
        self.texts: dict[int, str] = {}
        self.room = budget + _JOIN
        self.lists = tuple(one.sayings for one in lists if _is_counted(sayings, one))
        self._place_in = {at: (one, place) for one, points in enumerate(self.lists) for place, at in enumerate(points)}
        self._told_of: tuple[list[int], ...] = tuple([] for _ in self.lists)
        self._posts: Counter[int] = Counter()

    def takes(self, at: int, text: str = "") -> bool:
        """Whether the saying fits, whole or as `text`; then it is chosen."""
        text = text or self.sayings[at].text
        cost = len(text) + _JOIN + self.marks(at)
        if at in self.texts or cost > self.room:
            return False
        self.texts[at] = text
        self.room -= cost
        self._posts[self.sayings[at].post] += 1
        if at in self._place_in:
            one, place = self._place_in[at]
            insort(self._told_of[one], place)
        return True

    def takes_all(self, ats: Iterable[int]) -> bool:
        """Whether all of these fit whole; then they are chosen, else none."""
        room = self.room
        taken: list[int] = []
        for at in ats:
            if at in self.texts:
                continue
            if not self.takes(at):
                self._give_back(taken, room)
                return False
            taken.append(at)
        return True

    def _give_back(self, taken: Iterable[int], room: int) -> None:
        self.room = room
        for at in taken:
            del self.texts[at]
            self._posts[self.sayings[at].post] -= 1
            if at in self._place_in:
                one, place = self._place_in[at]
                self._told_of[one].remove(place)

    def takes_short(self, at: int, length: int) -> bool:
        """Whether the saying fits in `length` characters, cut between words where it must be; then it is chosen."""
        short = _cut(self.sayings[at].text, min(length, self.room - _JOIN - self.marks(at)))
        return bool(short) and self.takes(at, short)

    def marks(self, at: int) -> int:
        """How much longer the marks of what is left out become when this saying is chosen; they may become shorter."""
        sides = self._is_left_out(at, at - 1) + self._is_left_out(at, at + 1)
        return _MARK * (sides - bool(self._posts[self.sayings[at].post])) + _LONE_MARK * self._new_gaps(at)

    def _is_left_out(self, at: int, beside: int) -> bool:
        return (
            0 <= beside < len(self.sayings)
            and beside not in self.texts
            and self.sayings[beside].post == self.sayings[at].post
        )

    def _new_gaps(self, at: int) -> int:
        """How many more gaps the list of this saying has when it is chosen."""
        if at not in self._place_in:
            return 0
        one, place = self._place_in[at]
        told = self._told_of[one]
        where = bisect(told, place)
        before, after = told[where - 1 : where], told[where : where + 1]
        gaps = [place - one_before > 1 for one_before in before] + [one_after - place > 1 for one_after in after]
        closed = before and after and after[0] - before[0] > 1
        return sum(gaps) - bool(closed)


def _is_counted(sayings: Sequence[Saying], points: Points) -> bool:
    """Whether a reader sees that a point is missing: 1, 2, 4."""
    mark = sayings[points.sayings[0]].mark
    return mark is not None and mark.number > 0 and len(points.sayings) > 1


def _cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, cut before a quotation, not within one; "" where nothing is left of it."""
    short = shorten(text, limit)
    if len(text) <= limit:
        return short
    end = len(short) - len(ELLIPSIS)
    opened = next((start for start, after in quotations(text) if start < end < after), None)
    if opened is not None:
        short = shorten(text, opened + len(ELLIPSIS)) if opened else ""
    elif is_qualifier(text[end:].lstrip()):
        short = shorten(text, end)  # "The law is…", not "The law is void.…"
    return "" if says_nothing(short) else short


def _choose_claim(choice: _Choice) -> None:
    """The first saying that is more than a herald; with what follows it, where it says nothing by itself ("Okay.")."""
    told = [at for at, saying in enumerate(choice.sayings) if not saying.aside]
    for at in told[:2]:
        bound = choice.sayings[at].bound and len(choice.sayings[at].text) <= choice.budget * _OF_BOUND_CLAIM
        most = max(int(choice.budget * (_OF_BOUND_CLAIM if bound else _LONGEST_CLAIM)), _SHORTEST_POINT)
        choice.takes_short(at, most)
        if len(choice.sayings[at].text) >= _SAYS_NOTHING:
            return


def _choose_points(choice: _Choice, lists: Sequence[Points]) -> None:
    """Every list, if all of them fit; else the first with all its points, cut if need be; the others as they fit."""
    points = [at for one in lists for at in one.sayings]
    if choice.takes_all(points):
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
    if choice.takes_all(points.sayings):
        return
    new = [at for at in points.sayings if at not in choice.texts]
    share = _share([len(choice.sayings[at].text) for at in new], choice.room - sum(map(choice.marks, new)))
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
        said = choice.sayings[at].text in choice.texts.values()
        if not said and not _is_like(words[at], (words[other] for other in choice.texts)):
            choice.takes_all(_kept_together(choice.sayings, at))


def _fill(choice: _Choice) -> None:
    """What room is left, where a thread says much the same all along: its sayings as they come, the last one cut."""
    for at, saying in enumerate(choice.sayings):
        if choice.room >= _TOO_SHORT and not saying.aside:
            choice.takes_all(_kept_together(choice.sayings, at))
    for at, saying in enumerate(choice.sayings):
        if choice.room - _JOIN - choice.marks(at) >= _SHORTEST_REST and at not in choice.texts and not saying.aside:
            choice.takes_short(at, choice.room)


def _kept_together(sayings: Sequence[Saying], at: int) -> range:
    """A question goes with what follows it, an answer with its question; so does a post that begins with "But"."""
    first = last = at
    while first and at - first < _MOST_TOGETHER and _follows_up(sayings, first):
        first -= 1
    while last + 1 < len(sayings) and last - at < _MOST_TOGETHER and _follows_up(sayings, last + 1, onward=True):
        last += 1
    return range(first, last + 1)


def _follows_up(sayings: Sequence[Saying], at: int, *, onward: bool = False) -> bool:
    """Whether the saying must not stand without the one before it, nor (`onward`) that one without it."""
    before, saying = sayings[at - 1], sayings[at]
    return saying.qualifies or (_asks(before) and (onward or before.post == saying.post))


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
    """Whether the saying before it was told and needs it: a question, the bare name of a point, what it qualifies."""
    before = choice.sayings[at - 1] if at else None
    if before is None or at - 1 not in choice.texts:
        return False
    return choice.sayings[at].qualifies or _asks(before) or (before.mark is not None and len(before.text) < _TOO_SHORT)


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
    """What was chosen, in order, with its marks; sayings that stand side by side in their post are one passage."""
    passages: list[Passage] = []
    gaps = _gaps(choice)
    for at in sorted(choice.texts.keys() | gaps):
        saying, text = choice.sayings[at], _marked(choice, at, passages)
        joint = _joint(words, choice, at)
        if joint and not passages[-1].text.endswith(ELLIPSIS):
            passages[-1] = Passage(text=passages[-1].text + joint + text, post=saying.post)
        else:
            passages.append(Passage(text=text, post=saying.post))
    return passages


def _gaps(choice: _Choice) -> set[int]:
    """Of each gap in a list the first saying that is left out, if nothing else is told of its post."""
    posts = {choice.sayings[at].post for at in choice.texts}
    found = set()
    for points in choice.lists:
        told = [place for place, at in enumerate(points) if at in choice.texts]
        found |= {points[before + 1] for before, after in pairwise(told) if after - before > 1}
    return {at for at in found if choice.sayings[at].post not in posts}


def _marked(choice: _Choice, at: int, passages: Sequence[Passage]) -> str:
    """A saying with "…" before or behind it, where something of its post is left out; only "…" for one not told."""
    saying, text = choice.sayings[at], choice.texts.get(at, ELLIPSIS)
    if not saying.opens_post and not (passages and passages[-1].post == saying.post) and text != ELLIPSIS:
        text = f"{ELLIPSIS} {text}"
    after = choice.sayings[at + 1] if at + 1 < len(choice.sayings) else None
    left_out = after is not None and after.post == saying.post and at + 1 not in choice.texts
    return f"{text} {ELLIPSIS}" if left_out and not text.endswith(ELLIPSIS) else text


def _joint(words: Sequence[str], choice: _Choice, at: int) -> str:
    """What joins a saying to the one before it, which was told too; "" if they stand apart."""
    if at - 1 not in choice.texts or choice.sayings[at - 1].post != choice.sayings[at].post:
        return ""
    gap = words[choice.sayings[at].post][choice.sayings[at - 1].end : choice.sayings[at].start]
    return "" if gap.strip() else "\n" if "\n" in gap else gap[:1]


def _summary(posts: Sequence[Post], words: Sequence[str], passages: Iterable[Passage]) -> Summary:
    passages = tuple(passage for passage in passages if passage.text)
    return Summary(passages=passages, shown=frozenset(_whole(posts, words, passages)))


def _whole(posts: Sequence[Post], words: Sequence[str], passages: Iterable[Passage]) -> Iterator[int]:
    """The posts of which nothing is missing but blanks."""
    for passage in passages:
        read_whole = len(posts[passage.post].text) <= LONGEST_POST
        if read_whole and passage.text.split() == words[passage.post].split():
            yield passage.post
