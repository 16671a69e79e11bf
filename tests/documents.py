"""A Markdown page as its reader uses it: the files it shows, the commands to type, what they print, headings, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parent.parent
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
_CODE = re.compile(r"#.*exit code (\d+)")


@dataclass(frozen=True)
class Command:
    """One line after `$ `. `code`: the exit code that its comment names; `not_run`: why a test does not run it."""

    words: Sequence[str]
    code: int | None = None
    not_run: str = ""

    def __str__(self) -> str:
        return shlex.join(self.words)


@dataclass(frozen=True)
class Block:
    """A fenced block. `title`: the file that it shows; `not_run`: what the comment before it says."""

    language: str
    title: str
    text: str
    line: int
    not_run: str = ""

    def commands(self) -> Iterator[Command]:
        for line in self.text.splitlines():
            if line.startswith("$ "):
                code = _CODE.search(line)
                words = shlex.split(line.removeprefix("$ "), comments=True)
                yield Command(words, int(code[1]) if code else None, self.not_run)


@dataclass(frozen=True)
class Link:
    to: str
    anchor: str


class Page:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text())

    def blocks(self) -> Iterator[Block]:
        before: Token | None = None
        for token in self._tokens:
            if token.type == "fence":
                language, _, rest = token.info.partition(" ")
                title = re.search(r'title="([^"]+)"', rest)
                said = _NOT_RUN.fullmatch(before.content.strip()) if before else None
                line = token.map[0] + 1 if token.map else 0
                yield Block(language, title[1] if title else "", token.content, line, said[1] if said else "")
            before = token

    def of(self, language: str) -> list[Block]:
        return [block for block in self.blocks() if block.language == language]

    def commands(self) -> list[Command]:
        return [command for block in self.of("console") for command in block.commands()]

    def sections(self) -> dict[str, str]:
        """The text of each heading's section, by the anchor that the site gives it."""
        lines = self.path.read_text().splitlines()
        starts = [
            (token.map[0], self._tokens[at + 1].content)
            for at, token in enumerate(self._tokens)
            if token.type == "heading_open" and token.map
        ]
        ends = [*(start for start, _ in starts[1:]), len(lines)]
        return {
            anchor(heading): "\n".join(lines[start:end])
            for (start, heading), end in zip(starts, ends, strict=True)
        }

    def links(self) -> Iterator[Link]:
        """Those to files of this project."""
        for token in self._tokens:
            for child in token.children or ():
                if child.type == "link_open":
                    to, _, part = str(child.attrs["href"]).partition("#")
                    if "://" not in to:
                        yield Link(to, part)


def anchor(heading: str) -> str:
    """As Python-Markdown and GitHub make it."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def missing_line(sample: str, printed: str) -> str | None:
    """The first line of `sample` that `printed` does not have there; figures may differ, `…` stands for lines."""
    there = iter([_without_figures(line) for line in printed.splitlines()])
    wanted = [line for line in sample.splitlines() if line.strip() not in {"", "…"}]
    return next((line for line in wanted if _without_figures(line) not in there), None)


def _without_figures(line: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<?[\d,.:]*\d", "0", line)).strip()
