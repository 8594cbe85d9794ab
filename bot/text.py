"""Pure text work that more than one module needs: cleaning, titles, cutting. One owner for each of these rules.

Knows nothing of channels and their escapes; that is `compose`. Never decides what is said, only how it is cut.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from urllib.parse import urlsplit

from bot.model import Post

ELLIPSIS = "…"
WORDS_PER_MINUTE = 230
CHARACTERS_PER_MINUTE = 500
"""Silent reading of Chinese and Japanese; every such character counts as half a word, roughly."""

MAX_MARKS = 10
"""Combining marks on one letter. Living scripts stay under six; "zalgo" text uses hundreds."""

WEB_LINK = re.compile(r"https?://[^\s<>\"\u3000-\u303f\uff00-\uffef]+", re.IGNORECASE)
_LINK_END = ".,;:!?'\"…)]}*_~`"
_LONGEST_LINK = 4_000
"""Browsers and mail readers take about 2,000 characters; what is longer is shown, not linked."""
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
"""Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Han."""
UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")
_WIDE_STOP = "。！？｡"

# -- cleaning ----------------------------------------------------------------------------------------

_NEWLINES = re.compile("\r\n|[\r\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_HIDDEN = re.compile("(\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f)|[\U000e0000-\U000e007f]")
"""Tag characters spell invisible ASCII; flags such as Scotland's are a black flag, a few of them, and their end."""
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_EMBEDDINGS, _POP_EMBEDDING = "\u202a\u202b\u202d\u202e", "\u202c"
_ISOLATES, _POP_ISOLATE = "\u2066\u2067\u2068", "\u2069"


def counted(number: int, what: str) -> str:
    """`1 post`, `2 posts`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def clean(text: str) -> str:
    r"""`text` without what does harm where it is shown; everything else stays, "\\n" and "\\t" included.

    Out go control characters, direction changes that are never ended, marks piled up without end, and letters that
    nobody sees (tag characters outside of a flag); a lone surrogate, which no encoder takes, becomes U+FFFD.
    """
    if text.replace("\n", "").isprintable():  # no control, no direction change, nothing that nobody sees
        return text if text.isascii() else _bound_marks(text)
    text = _CONTROLS.sub("", _NEWLINES.sub("\n", text))
    text = _HIDDEN.sub(lambda found: found[1] or "", _SURROGATES.sub("\ufffd", text))
    return _bound_marks(_pair_bidi(text))


def one_line(text: str) -> str:
    """`text` cleaned, with every run of white space as one space."""
    return " ".join(clean(text).split())


_LIVE_IN_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]")


def json_document(value: object) -> str:
    """`value` as JSON for people and programs: exact, and harmless on a terminal.

    What a terminal would act on is escaped, not dropped; lone surrogates, which strict readers refuse, are U+FFFD.
    """
    document = _SURROGATES.sub("\ufffd", json.dumps(value, ensure_ascii=False, indent=2))
    return _LIVE_IN_JSON.sub(lambda found: json.dumps(found[0])[1:-1], document) + "\n"


def _pair_bidi(text: str) -> str:
    """Drop direction marks that have no partner in their line, so that they cannot turn what we write round them."""
    if not _BIDI.search(text):
        return text
    return "\n".join(map(_pair_bidi_line, text.split("\n")))


def _pair_bidi_line(line: str) -> str:
    open_at: list[int] = []
    paired: set[int] = set()
    for at, char in enumerate(line):
        if char in _EMBEDDINGS or char in _ISOLATES:
            open_at.append(at)
        elif char == _POP_EMBEDDING and open_at and line[open_at[-1]] in _EMBEDDINGS:
            paired |= {open_at.pop(), at}
        elif char == _POP_ISOLATE:
            # An isolate's end also ends the embeddings that are open inside it (Unicode UAX #9, X6a).
            while open_at and line[open_at[-1]] not in _ISOLATES:
                open_at.pop()
            if open_at:
                paired |= {open_at.pop(), at}
    return "".join(char for at, char in enumerate(line) if at in paired or not _BIDI.match(char))


def _bound_marks(text: str) -> str:
    # Most texts that are not ASCII have quotes and emoji but no marks: 40 µs a post for looking at each place.
    marks = {char for char in set(text) if ord(char) > 0x2FF and unicodedata.category(char) in ("Mn", "Me")}
    if not marks:
        return text
    run = 0
    kept = []
    for char in text:
        is_mark = char in marks
        if is_mark:
            run += 1
        elif not _BIDI.match(char):  # a direction change parts no marks: it may itself be cut off later
            run = 0
        if not is_mark or run <= MAX_MARKS:
            kept.append(char)
    return text if len(kept) == len(text) else "".join(kept)


# -- a post's words -----------------------------------------------------------------------------------

_MENTION = re.compile(r"@([\w.@-]{1,300}+)\s*+")


_LONGEST_WARNING = 200
LONGEST_POST = 16_000
"""How much of a post is read, in characters; no message shows as much."""


def words_of(post: Post, most: int = LONGEST_POST) -> str:
    """A post's words, clean, without the mentions that stand there only because it answers somebody.

    Of one longer than `most` characters only the beginning, with "…": nobody is shown more, and nothing stalls on it.
    """
    text = clean(post.text if len(post.text) <= most else f"{post.text[:most]}{ELLIPSIS}").strip()
    handles = {handle.removeprefix("@").casefold() for handle in post.reply_to}
    at = 0
    while handles and (mention := _MENTION.match(text, at)) and mention[1].casefold() in handles:
        at = mention.end()
    return f"{warning_of(post)}\n{text[at:]}" if post.warning else text[at:]


def warning_of(post: Post) -> str:
    """What stands in the place of, or over, a post that its author hides; "" of one that is not hidden."""
    return f"[Content warning: {shorten(one_line(post.warning), _LONGEST_WARNING)}]" if post.warning else ""


# -- links -------------------------------------------------------------------------------------------


_SAFE_LINK = re.compile(
    r"https?://[^\s<>\"'\\|^`{}\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+", re.IGNORECASE
)


def is_web_link(url: str) -> bool:
    """Whether `url` may be made a link: http or https, a host, nothing that could end an attribute or a line.

    Not with a user in it: `https://good.example@evil.example` leads elsewhere than it says.
    """
    if len(url) > _LONGEST_LINK or not _SAFE_LINK.fullmatch(url) or clean(url) != url:
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def split_links(text: str) -> Iterator[tuple[str, bool]]:
    """`text` in pieces, each with whether it is a web link. Joined, the pieces are `text` again."""
    at = 0
    for found in WEB_LINK.finditer(text):
        link = _trim_link(found.group())
        if not is_web_link(link):
            continue
        if found.start() > at:
            yield text[at : found.start()], False
        yield link, True
        at = found.start() + len(link)
    if at < len(text):
        yield text[at:], False


def _trim_link(link: str) -> str:
    """A link as people mean it: without the sentence's punctuation, with brackets that belong to it."""
    end = len(link)
    # Counted once: anew for each bracket, 500,000 of them took minutes.
    unopened = link.count(")") - link.count("(")
    while end and (last := link[end - 1]) in _LINK_END and last != "_":
        if last == ")":
            if unopened <= 0:
                break
            unopened -= 1
        end -= 1
    return link[:end]


# -- cutting -----------------------------------------------------------------------------------------


def shorten(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, with "…" where something is missing.

    Cut between words; in scripts without spaces, and inside a word that alone is too long, between
    characters as people see them. Never inside a link, an emoji or a flag.
    """
    if len(text) <= limit:
        return text
    if limit <= len(ELLIPSIS):
        return ELLIPSIS[: max(limit, 0)]
    room = limit - len(ELLIPSIS)
    # The piece one character longer than the room: a break right at its end is a good one.
    kept = _between_words(text, room) or _between_characters(text, room)
    return _paired_again(kept.rstrip()) + ELLIPSIS


def _paired_again(kept: str) -> str:
    """The rest of a cut text without direction changes whose end was cut off, nor the blanks that stood round them."""
    paired = _pair_bidi(kept)
    return kept if paired == kept else re.sub(" {2,}", " ", paired).strip()


def _between_words(text: str, room: int) -> str:
    """The longest beginning of `text` within `room` that ends where a word ends."""
    best = 0
    for token in re.finditer(r"\S+", text):
        if token.end() <= room:
            best = token.end()
            continue
        if token.start() < room:
            best = max(best, _last_break(token.group(), room - token.start(), token.start()) or best)
        break
    return text[:best]


def _last_break(token: str, room: int, offset: int) -> int:
    """Where, in a text of which `token` stands at `offset`, a script without spaces can be broken; 0 for nowhere."""
    link = WEB_LINK.search(token)
    stop = min(room, link.start() if link else room)
    for at in range(stop, 0, -1):
        edge = UNSPACED_CHARACTER.match(token[at - 1]) or (at < len(token) and UNSPACED_CHARACTER.match(token[at]))
        if edge and not joined(token, at):
            return offset + at
    return 0


def _between_characters(text: str, room: int) -> str:
    """The longest beginning of a single long word within `room`; nothing of a link, which is worth nothing in part."""
    link = WEB_LINK.search(text)
    stop = min(room, link.start() if link else room)
    while stop > 0 and joined(text, stop):
        stop -= 1
    return text[:stop]


def joined(text: str, at: int) -> bool:
    """Whether the characters on both sides of position `at` are seen as one (a short form of Unicode UAX #29)."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if before == "\r" and after == "\n":
        return True
    if before in "\n\t " or after in "\n\t ":
        return False
    if _extends(after) or before == "\u200d" or unicodedata.combining(before) == 9:
        return True
    if _is_flag_half(before) and _is_flag_half(after):
        halves = len(text[:at]) - len(text[:at].rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))
        return halves % 2 == 1
    return "\u1100" <= before <= "\u11ff" and "\u1160" <= after <= "\u11ff"


def _extends(char: str) -> bool:
    """Whether `char` belongs to the one before it: marks, joiners, skin tones, tags, Thai and Lao AM."""
    code = ord(char)
    return (
        unicodedata.category(char) in ("Mn", "Me", "Mc")
        or code in (0x200C, 0x200D, 0x0E33, 0x0EB3)
        or 0x1F3FB <= code <= 0x1F3FF
        or 0xE0020 <= code <= 0xE007F
    )


def _is_flag_half(char: str) -> bool:
    return 0x1F1E6 <= ord(char) <= 0x1F1FF


# -- titles and reading time ---------------------------------------------------------------------------

_HOOK = re.compile(
    r"[\W_]*+(?:(?:a|an|the|my|new|long|short|quick|little|brief|mega|big|important|this|is|time|for|un|une|ein|eine|"
    r"kurzer|langer|petit|gran|breve)[\W_]++)*+(?:thread|megathread|threads|hilo|fil|tread|unroll)(?:[\W_]++time)?+"
    r"[\W_]*+",
    re.IGNORECASE,
)
# Bounded, so that a megabyte of "!" is read once, not once from each of them. Danda, Arabic, Urdu, Ethiopic stops too.
# It begins with the set of all of them, by which the search gets through the words between.
_STOP = re.compile(
    rf"[.!?…؟۔।॥።{_WIDE_STOP}](?:(?<=[{_WIDE_STOP}])[{_WIDE_STOP}]{{0,15}}+[」』”]?"
    rf"|(?<![{_WIDE_STOP}])[.!?…؟۔।॥።]{{0,15}}+[\"'”’»“‘«)\]]{{0,4}}+(?=\s))"
)
_LOOK = 16
_SAYS_NOTHING = 8
_TITLE_WITHIN, _TITLE_AMONG = 2_000, 20
"""How many characters of how many posts a title is looked for in."""
_LONGEST_SENTENCE = 100
_LETTER_AS_EMOJI = re.compile(".\ufe0f\u20e3?|[0-9#*]\u20e3")
_ABBREVIATION = re.compile(
    # A short number too: "am 3. Oktober", "No. 7. Next".
    r"(?:^|[\s(])(?:[A-Za-z]|\d{1,2}|(?:[A-Za-z]\.)+[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Gen|Col|Lt|Sen|Rep|Gov|vs|etc|approx|ca|cf|No|Nr|Jr|Sr)$"
)


def title_of(text: str, limit: int = _LONGEST_SENTENCE) -> str:
    """The first sentence of `text` on one line, cut between words and never inside a link, at most `limit` long.

    Numbering ("1/", "2/12"), a hook ("A thread 👇"), emoji and links alone are passed over if more text follows. A
    quotation that is open where the sentence ends goes on to its end.
    """
    return _saying(text, limit) or shorten(" ".join(_lines(text)), limit)


def title_of_posts(posts: Iterable[Post]) -> str:
    """The title of a thread that has none: the first sentence that says something, else what its pictures show.

    `Image: two people on a quay`, `3 images`; of a thread without words and pictures the emoji or the link that it is.
    """
    silent = []
    for post in islice(posts, _TITLE_AMONG):
        # The first mostly has it; those behind it may not even be read from their page yet.
        if title := _saying(_title_words(post)):
            return title
        silent.append(post)
    return _pictured(silent) or next(filter(None, map(title_of, map(_title_words, silent))), "")


def _title_words(post: Post) -> str:
    return words_of(post, _TITLE_WITHIN)


def _pictured(posts: Iterable[Post]) -> str:
    shown = [media for post in posts for media in post.media]
    # A thread of pictures and videos is named after its pictures: these have words more often.
    shown = [media for media in shown if media.kind == "image"] or shown
    if not shown:
        return ""
    kind = shown[0].kind
    alt = next(filter(None, (one_line(media.alt[:_TITLE_WITHIN]) for media in shown)), "")
    if alt:
        return shorten(f"{kind.capitalize()}: {alt}", _LONGEST_SENTENCE)
    return kind.capitalize() if len(shown) == 1 else f"{len(shown)} {kind}s"


def _saying(text: str, limit: int = _LONGEST_SENTENCE) -> str:
    """The first sentence that says something; "" if none does. What stands behind it is mostly not looked at."""
    lines = _lines(text)
    for line in lines:
        spans = sentence_spans(line)
        for start, end in spans:
            sentence = line[start:end]
            if _says_something(sentence) and not is_hook(sentence):
                if len(sentence) >= _SAYS_NOTHING and not _QUOTE_OPENS.search(sentence):
                    return shorten(sentence, limit)
                later = [line, *lines]
                stops = chain([end], (stop for _, stop in spans), _stops_of(later))
                return shorten(_gone_on(" ".join(later)[start:], end - start, (stop - start for stop in stops)), limit)
    return ""


def _gone_on(text: str, end: int, stops: Iterable[int]) -> str:
    """The sentence that `text` starts with, to where the quotation ends that is open at its `end`. What says nothing by
    itself ("Okay.", "So.") goes on with all that follows it.
    """
    quoted = _quotation_end(text, end)
    stop = next((stop for stop in stops if stop >= quoted), end)
    return text[:stop] if stop >= _SAYS_NOTHING else text


def _lines(text: str) -> Iterator[str]:
    return filter(None, map(_plain_line, clean(text[:_TITLE_WITHIN]).split("\n")))


def _stops_of(lines: Sequence[str]) -> Iterator[int]:
    """Where sentences of all lines but the first end, once the lines are put together with a blank between them."""
    offset = 0
    for before, line in pairwise(lines):
        offset += len(before) + 1
        yield from (offset + end for _, end in sentence_spans(line))


def _says_something(sentence: str) -> bool:
    """Whether there is more than emoji and links: `1️⃣`, `youtu.be/x`."""
    if "\ufe0f" not in sentence and any(map(str.isalpha, sentence.split(None, 4))):
        return True  # most of them: a word of letters alone
    words = WEB_LINK.sub(" ", _LETTER_AS_EMOJI.sub("", sentence)).split()
    return any(any(map(str.isalnum, word)) and not _is_bare_link(word) for word in words)


def _is_bare_link(word: str) -> bool:
    host, slash, _ = word.partition("/")
    return bool(slash) and "." in host.rstrip(".")


def _plain_line(line: str) -> str:
    from bot.numbering import without_number  # patterns that take 4 ms; a listing does without

    line = " ".join(line.split())
    return without_number(line) or line


# Begins with the set of all of them, by which the search gets through a long text (1 of 50 µs for 1,000 characters).
_QUOTE_OPENS = re.compile("[“„«‘「『\"'»”’](?:(?<=[“„«‘「『])|(?<![^\\s(\\[—–:/-].)(?=\\S))")
_QUOTE_ENDS = {
    sign: re.compile(end)
    for sign, end in {
        "“": "”",
        "„": "[“”]",
        "«": "»",
        "»": "«",
        "”": "”",
        "‘": r"(?<=\S)’(?!\w)",
        "’": r"(?<=\S)’(?!\w)",
        "'": r"(?<=\S)'(?!\w)",
        '"': r'(?<=\S)"(?!\w)',
        "「": "」",
        "『": "』",
    }.items()
}
_LONGEST_QUOTATION = 1_000
"""A mark without its partner within so many characters opens nothing: an apostrophe, an inch, a slip."""


def _quotation_end(text: str, end: int) -> int:
    """Where the quotation ends that is open at `end` of a sentence; `end` if none is, or if it never ends."""
    return next((closed for opened, closed in quotations(text) if opened < end < closed), end)


def quotations(text: str) -> Iterator[tuple[int, int]]:
    """Where what somebody else says begins and ends in `text`, quotation marks included."""
    at = 0
    while opening := _QUOTE_OPENS.search(text, at):
        start = opening.start()
        closing = _QUOTE_ENDS[opening.group()].search(text, start + 1, start + _LONGEST_QUOTATION)
        at = closing.end() if closing else start + 1
        if closing:
            yield start, at


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of `text` begin and end, the blanks between them left out."""
    start = 0
    for stop in _STOP.finditer(text):
        # Short looks behind and ahead: the whole line at each stop made 43 s of 75 kB of "A. A. A. …".
        rest = text[stop.end() : stop.end() + _LOOK].lstrip()
        before = text[max(stop.start() - _LOOK, 0) : stop.start()]
        if not rest or rest[0].islower() or (stop.group() == "." and _ABBREVIATION.search(before)):
            continue
        if stop.group().endswith(")") and not text[start : start + _LOOK].lstrip().startswith("("):
            continue  # "If this is liked (once!) I go on."
        yield from _without_blanks(text, start, stop.end())
        start = stop.end()
    yield from _without_blanks(text, start, len(text))


def _without_blanks(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    if piece.strip():
        yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def is_hook(sentence: str) -> bool:
    """Whether a sentence only says that a thread follows."""
    return _HOOK.fullmatch(sentence) is not None


def reading_minutes(text: str) -> int:
    """How long `text` takes to read, in whole minutes, at least 1. Links count as nothing."""
    text = WEB_LINK.sub(" ", text)
    unspaced = len(UNSPACED_CHARACTER.findall(text))
    words = len(UNSPACED_CHARACTER.sub(" ", text).split())
    return max(1, round(words / WORDS_PER_MINUTE + unspaced / CHARACTERS_PER_MINUTE))
