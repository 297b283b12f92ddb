"""Counts rag/text/common_words.txt, the table of how common words are, anew from articles 0-299 of the question set.

python -m training.data.common_words
python -m training.data.common_words --data ../shared/data
"""

import argparse
import math
import textwrap
from collections import Counter, defaultdict
from pathlib import Path

from rag.text.words import stems
from training.data.trials import DATA, TUNING, read_articles

WORDS_FILE = Path(__file__).parents[2] / "rag" / "text" / "common_words.txt"


def count_words(data: Path) -> None:
    """Writes the table of common words: stems of at least 12 articles, by how many paragraphs hold them."""
    articles, _ = read_articles(data, TUNING)
    paragraphs: Counter[str] = Counter()
    holders: dict[str, set[int]] = defaultdict(set)
    total = 0
    for article in articles:
        for start, end in article.paragraphs:
            total += 1
            for word in set(stems(article.text[start:end])):
                paragraphs[word] += 1
                holders[word].add(article.number)
    levels: dict[float, list[str]] = defaultdict(list)
    for word, count in paragraphs.items():
        if len(holders[word]) >= 12 and not word[0].isdigit():
            levels[round(math.log(total / count) * 2) / 2].append(word)
    lines = WORDS_FILE.read_text(encoding="utf-8").splitlines()[:2]
    for level in sorted(levels):
        lines += [f"{level} {line}" for line in textwrap.wrap(" ".join(sorted(levels[level])), 110)]
    WORDS_FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{sum(map(len, levels.values()))} stems from {total} paragraphs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    count_words(parser.parse_args().data)


if __name__ == "__main__":
    main()
