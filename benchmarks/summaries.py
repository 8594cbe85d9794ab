"""Measures highlights against the first three sentences and against sumy, on the made threads and on recorded ones.

    python benchmarks/summaries.py [RECORDED…]

RECORDED are Thread Reader pages (.html) or the text of one, a post a line (.txt). sumy is installed into an environment
of its own in a temporary folder, and gets our sentences: its own splitter downloads its data. Prints one table.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from selectolax.lexbor import LexborHTMLParser  # noqa: E402

from bot.model import Post  # noqa: E402
from bot.points import sayings_of, words_looked_at  # noqa: E402
from bot.sources.threadreader_posts import read_post  # noqa: E402
from bot.summary import BUDGET, highlights  # noqa: E402
from tests.made_threads import ANNOUNCED, MADE  # noqa: E402

BUDGETS = (BUDGET, BUDGET // 2)
POINTS = {
    **ANNOUNCED,
    "2021-07_thread_morcos_pierre_1415051905190047746": ("(1)", "(2)", "(3)", "First,", "Second,", "Third,", "Fourth,"),
}
SUMY = """
import json, re, sys, time, warnings
from sumy.parsers.plaintext import PlaintextParser
from sumy.summarizers.lex_rank import LexRankSummarizer
from sumy.summarizers.lsa import LsaSummarizer
from sumy.summarizers.text_rank import TextRankSummarizer

warnings.simplefilter("ignore")

class Lines:
    def to_sentences(self, paragraph): return [paragraph]
    def to_words(self, sentence): return re.findall(r"[^\\W\\d_]+", sentence)

def chosen(summarizer, sentences, budget):
    document = PlaintextParser("\\n\\n".join(sentences), Lines()).document
    told = []
    for count in range(1, 12):
        more = [str(sentence) for sentence in summarizer(document, count)]
        if sum(map(len, more)) + 2 * (len(more) - 1) > budget:
            break
        told = more
    return told

methods = {"LexRank": LexRankSummarizer(), "LSA": LsaSummarizer(), "TextRank": TextRankSummarizer()}
asked = json.load(sys.stdin)
answers = {}
for name, summarizer in methods.items():
    told = {budget: {thread: chosen(summarizer, sentences, budget) for thread, sentences in asked["threads"].items()}
            for budget in asked["budgets"]}
    times = []
    for _ in range(5):
        began = time.perf_counter()
        summarizer(PlaintextParser("\\n\\n".join(asked["hundred"]), Lines()).document, 5)
        times.append(1000 * (time.perf_counter() - began))
    answers[name] = {"told": told, "milliseconds": sorted(times)[2]}
json.dump(answers, sys.stdout)
"""


def recorded(path: Path) -> tuple[Post, ...]:
    """The posts of a recorded thread."""
    if path.suffix == ".html":
        nodes = LexborHTMLParser(path.read_bytes()).css('div[id^="tweet_"].content-tweet')
        return tuple(read_post(node, str(at)) for at, node in enumerate(nodes))
    lines = path.read_text(encoding="utf-8").split("• • •")[0].splitlines()
    return tuple(Post(id=str(at), text=line) for at, line in enumerate(lines) if " " in line)


def sentences_of(posts: Sequence[Post]) -> list[str]:
    """Every sentence of a thread, on one line each."""
    return [" ".join(saying.text.split()) for saying in sayings_of(words_looked_at(posts))]


def lead_3(posts: Sequence[Post], budget: int = BUDGET) -> list[str]:
    """The first three sentences, those of them that fit: what every summary has to beat."""
    sayings = chain.from_iterable(sayings_of((words,)) for words in words_looked_at(posts))
    first = [saying.text for saying, _ in zip(sayings, range(3), strict=False)]
    return [text for at, text in enumerate(first) if length(first[: at + 1]) <= budget]


def ours(posts: Sequence[Post], budget: int = BUDGET) -> list[str]:
    """What the program tells."""
    return [passage.text for passage in highlights(posts, budget=budget).passages]


def length(told: Sequence[str]) -> int:
    """As the budget counts: two characters between any two."""
    return sum(map(len, told)) + 2 * max(len(told) - 1, 0)


def milliseconds(job: Callable[[], object], runs: int = 31) -> float:
    """The median of several runs."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        job()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def sumy(threads: Mapping[str, Sequence[Post]], hundred: Sequence[Post]) -> dict[str, dict]:
    """What three of sumy's methods choose, by method; nothing where it cannot be installed."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        install = [python, "-m", "pip", "install", "-q", "sumy", "numpy"]
        installed = subprocess.run(install, capture_output=True, check=False)
        if installed.returncode:
            print("sumy could not be installed:", installed.stderr.decode()[-300:], file=sys.stderr)
            return {}
        sentences = {name: sentences_of(posts) for name, posts in threads.items()}
        asked = json.dumps({"budgets": BUDGETS, "threads": sentences, "hundred": sentences_of(hundred)})
        chose = subprocess.run([python, "-c", SUMY], input=asked.encode(), stdout=subprocess.PIPE, check=True)
        return json.loads(chose.stdout)


def row(method: str, told: Mapping[str, Sequence[str]], budget: int, took: float, base: float) -> str:
    """One line of the table."""
    said = {name: " ".join(" ".join(texts).split()) for name, texts in told.items()}
    found = {name: [point in said[name] for point in points] for name, points in POINTS.items() if name in said}
    kept = sum(length(texts) <= budget for texts in told.values())
    points, all_points = sum(map(sum, found.values())), sum(map(len, found.values()))
    return (
        f"{budget:<7} {method:<10} {points:>4}/{all_points:<4} {sum(map(all, found.values())):>5}/{len(found):<5}"
        f" {kept:>5}/{len(told):<5} {took:>8.2f} {took / base:>8.1f}"
    )


def main(paths: Sequence[str]) -> None:
    """Run everything and print the table."""
    threads = {name: entry.posts for name, entry in MADE.items()}
    threads |= {Path(path).stem: recorded(Path(path)) for path in paths}
    hundred = tuple(chain.from_iterable(entry.posts for entry in MADE.values() if 3 < len(entry.posts) < 20))[:100]
    others = sumy(threads, hundred)
    base = milliseconds(lambda: lead_3(hundred))
    print(f"{len(threads)} threads; time for {len(hundred)} posts, and as a multiple of lead-3's\n")
    print(f"{'budget':<7} {'':<10} {'points':>9} {'all points':>11} {'in budget':>11} {'ms':>8} {'ratio':>8}")
    for budget in BUDGETS:
        for method, tell in (("highlights", ours), ("lead-3", lead_3)):
            took = milliseconds(lambda tell=tell: tell(hundred))
            print(row(method, {name: tell(posts, budget) for name, posts in threads.items()}, budget, took, base))
        for method, answer in others.items():
            print(row(method, answer["told"][str(budget)], budget, answer["milliseconds"], base))


if __name__ == "__main__":
    main(sys.argv[1:])
