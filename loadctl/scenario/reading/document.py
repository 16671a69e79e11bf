"""A YAML text as a tree of nodes, each with its place, and the mistakes found in it, each with line and column.

Types are those of YAML 1.2 (core): `NO` and `2026-01-01` are texts, `01234` is the number 1234, keys are texts.
Duplicate keys, a second document and unknown tags are mistakes; anchors, aliases and `<<` work, but what they
expand to is bounded, as are size and depth: no file can make us run out of memory or time.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

import yaml

from loadctl.errors import InvalidInput, Mistake, Where

Scalar: TypeAlias = "bool | int | float | str | None"
T = TypeVar("T")
SURROGATES = re.compile("[\ud800-\udfff]")
_LONG = 64
_SLOWLY_READ = 50_000
"""Characters that PyYAML's own parser reads in 2 s."""
_MOST_OF_FORM = 50
_MOST = 100
"""More mistakes than this in one input tell nothing new."""
_NEED_QUOTES = {"?", "{", "}", "[", "]"}
_QUOTE_STAR = "a value that starts with * must be in quotes"
_MUST_BE_QUOTED = "a value that starts with {{ must be in quotes"


def _quoted_hint(line: str, column: int) -> str:
    """How to write the `{{ … }}` that starts at `column` (from 1) of `line`, its key before it."""
    key = re.search(r"([\w.-]+: *)$", line[: column - 1])
    template = re.match(r"\{\{.*?\}\}[^\s,}\]]*", line[column - 1 :])
    return f'write  {key[1] if key else ""}"{template[0] if template else "{{ … }}"}"'


def lines_of(text: str) -> list[str]:
    """The lines of a text, cut as YAML cuts them."""
    return re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text)


def excerpt(lines: Sequence[str], line: int) -> str | None:
    """Line number `line` (from 1); None where there is none."""
    return lines[line - 1].rstrip() if 0 < line <= len(lines) else None


def _syntax_mistake(file: str, text: str, error: yaml.YAMLError) -> Mistake:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return _unreadable_character(file, text, error)
    line, column = mark.line + 1, mark.column + 1
    problem, context = str(getattr(error, "problem", "") or ""), str(getattr(error, "context", "") or "")
    lines = lines_of(text)
    source = excerpt(lines, line) or ""
    if template := re.search(r"(?:[:\-,\[] +)(\{\{)", source[:column]):
        column = template.start(1) + 1
        return Mistake(Where(file, line, column), _MUST_BE_QUOTED, _quoted_hint(source, column), source)
    start = getattr(error, "context_mark", None)
    character = lines[mark.line][column - 1 : column] if mark.line < len(lines) else ""
    if "flow" in context and character not in _NEED_QUOTES and start is not None:
        opening, closing = ("[", "]") if "sequence" in context else ("{", "}")
        place = Where(file, start.line + 1, start.column + 1)
        message = f"{opening} is never closed"
        return Mistake(place, message, f"add the missing {closing}", excerpt(lines, place.line))
    message, hint = _explained(problem, context, character)
    return Mistake(Where(file, line, column), message, hint, source)


def _escape_mistake(file: str, text: str) -> Mistake:
    """Of an escape that is no character; the parser does not say which."""
    for number, line in enumerate(lines_of(text), 1):
        for escape in re.finditer(r"\\U([0-9A-Fa-f]{8})", line):
            if int(escape[1], 16) > sys.maxunicode:
                where = Where(file, number, escape.start() + 1)
                return Mistake(where, f"{escape[0]} is no character", "the last one is \\U0010FFFF", line)
    return Mistake(Where(file), "an escape (\\x, \\u or \\U) is no character")


def _explained(problem: str, context: str, character: str) -> tuple[str, str | None]:
    own_line = 'put it in "quotes", or give the value its own line'
    match character:
        case "\t":
            return "there is a tab here; YAML is indented with spaces only", "replace the tab with spaces"
        case "@" | "`" | "%":
            return f"a value that starts with {character} must be in quotes", None
    if "flow" in context:
        brackets = "[ ]" if "sequence" in context else "{ }"
        return f"inside {brackets} a value with {character} must be in quotes", own_line
    if context == "while scanning an alias":
        return "a value with * must be in quotes inside [ ] or { }, and where it starts with *", own_line
    if "mapping values are not allowed" in problem:
        return (
            "a key is not allowed here: check the indentation, or quote a value that holds ': '",
            'write for example  name: "a: b"',
        )
    if "quoted scalar" in context and "end of stream" in problem:
        return "the quote that opens here is never closed", None
    if "undefined alias" in problem:
        return f"{problem.removeprefix('found ')}; a value that starts with * must be in quotes", None
    return f"this is not YAML: {', '.join(part for part in (context, problem) if part)}", None


def _unreadable_character(file: str, text: str, error: yaml.YAMLError) -> Mistake:
    position = getattr(error, "position", 0)
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    code = text[position : position + 1]
    shown = f"U+{ord(code):04X}" if code else "one"
    message = f"the character {shown} is not allowed in YAML; is this a text file?"
    return Mistake(Where(file, line, column), message)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a document may be."""

    characters: int = 400_000
    depth: int = 50
    nodes: int = 50_000
    """After all aliases are expanded; a long text counts as several."""
    quick: bool = False
    """Read with libyaml, also where the text is short. PyYAML's own parser has the better words for mistakes."""


OF_SCENARIOS = Bounds()


@dataclass(frozen=True, slots=True)
class Text:
    """A file: the path as the user should see it, and what stands in it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The text of every file involved."""

    scenario: Text
    users: Text | None
    """users.yaml."""
    targets: Text | None
    """targets.yaml."""
    read: Callable[[str], str | None]
    """The text of a file named in the YAML (relative to the scenario file); None: there is none."""
    resolve: Callable[[str], str | None]
    """The absolute path of such a file; None: there is none."""
    env: Mapping[str, str]
    packaged: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    text: str
    where: Where


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar (`value`, and its source in `text`), a list (`items`) or a mapping (`entries`)."""

    where: Where
    value: Scalar = None
    text: str = ""
    plain: bool = False
    """A scalar without quotes: only these can be numbers, true, false or null."""
    items: Sequence[Node] | None = None
    entries: Mapping[Key, Node] | None = None
    size: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    """Values of the environment that were filled into the text, with the names of their variables."""
    name: str = ""
    """The text with `{NAME}` where a secret was filled in, if one was: what is named after it."""

    @property
    def is_scalar(self) -> bool:
        return self.items is None and self.entries is None

    @property
    def shown(self) -> str:
        """The text without secrets of the environment."""
        return self.name or self.text

    @property
    def is_null(self) -> bool:
        return self.is_scalar and self.value is None

    def get(self, key: str) -> Node | None:
        return next((node for k, node in (self.entries or {}).items() if k.text == key), None)

    def value_where(self, key: str) -> Where:
        """The place of the value under a key; of the whole mapping, if it has no such key."""
        return (self.get(key) or self).where

    def key_where(self, key: str) -> Where:
        """The place of a key; of the whole mapping, if it has no such key."""
        return next((k.where for k in self.entries or {} if k.text == key), self.where)

    def walk(self) -> Iterator[Node]:
        yield self
        for node in [*(self.items or ()), *(self.entries or {}).values()]:
            yield from node.walk()


class DocumentError(Exception):
    """The text cannot be read as a tree at all."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.message)
        self.mistake = mistake


def read_document(text: Text, bounds: Bounds = OF_SCENARIOS) -> tuple[Node | None, list[Mistake]]:
    """The tree (None where there is none to go on with) and all mistakes of form."""
    bounds = replace(bounds, quick=bounds.quick or len(text.text) > _SLOWLY_READ)
    composer = _Composer(text, lines_of(text.text), bounds)
    try:
        return composer.document(), composer.mistakes
    except DocumentError as error:
        last = error.mistake
    except yaml.YAMLError as error:
        if bounds.quick and len(text.text) <= _SLOWLY_READ:
            return read_document(text, replace(bounds, quick=False))
        last = _syntax_mistake(text.name, text.text, error)
    except (ValueError, OverflowError):  # of chr(), where the parser reads an escape
        last = _escape_mistake(text.name, text.text)
    return None, [*(mistake for mistake in composer.mistakes if mistake.where != last.where), last]


def core_scalar(text: str) -> Scalar:
    """A plain scalar by the YAML 1.2 core schema; what JSON cannot hold (.inf, .nan) stays text."""
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]{1,300}", text):
        return int(text)
    if match := re.fullmatch(r"0(?:o([0-7]{1,100})|x([0-9a-fA-F]{1,100}))", text):
        return int(match[1], 8) if match[1] else int(match[2], 16)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,9})?", text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


@dataclass(slots=True)
class _Composer:
    source: Text
    lines: list[str]
    bounds: Bounds
    mistakes: list[Mistake] = field(default_factory=list)
    anchors: dict[str, Node | None] = field(default_factory=dict)
    """None: the collection is still being read, so an alias to it would be its own part."""
    nodes: int = 0
    events: Iterator[yaml.Event] = field(default_factory=lambda: iter(()))

    def document(self) -> Node:
        if len(self.source.text) > self.bounds.characters:
            most = f"{self.bounds.characters:,}"
            raise self.stop(None, f"the file is too large: more than {most} characters")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader) if self.bounds.quick else yaml.SafeLoader
        self.events = yaml.parse(self.source.text, Loader=loader)
        root: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self.stop(event, "a second document starts here ('---'); a file holds only one")
                root = self.node(next(self.events), 1)
        return root or Node(Where(self.source.name, 1, 1), plain=True)

    def node(self, event: yaml.Event, depth: int) -> Node:
        self.nodes += 1
        if depth > self.bounds.depth:
            raise self.stop(event, f"nested deeper than {self.bounds.depth} levels")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self.anchors[anchor] = None
        self.check_tag(event)
        if isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(event, depth)
        elif isinstance(event, yaml.MappingStartEvent):
            node = self.mapping(event, depth)
        else:
            assert isinstance(event, yaml.ScalarEvent)  # noqa: S101 - the parser's grammar allows nothing else
            plain = not event.style and event.tag is None
            text = self.whole(event)
            value = core_scalar(text) if plain else text
            node = Node(self.where(event), value, text, plain, size=1 + len(text) // _LONG)
        if anchor is not None:
            self.anchors[anchor] = node
        return node

    def whole(self, event: yaml.ScalarEvent) -> str:
        """Its text, without halves of characters: an escape can spell them, and nothing can send them."""
        text = str(event.value)
        if not SURROGATES.search(text):
            return text
        self.wrong(
            self.where(event),
            "an escape is only half a character (\\uD800 to \\uDFFF)",
            'write the character itself, or its number in one:  "\\U0001F600"',
        )
        return SURROGATES.sub("\ufffd", text)

    def alias(self, event: yaml.AliasEvent) -> Node:
        if event.anchor not in self.anchors:
            message = f"'*{event.anchor}' points to no anchor '&{event.anchor}' above"
            raise self.stop(event, message, _QUOTE_STAR)
        node = self.anchors[event.anchor]
        if node is None:
            raise self.stop(event, f"'*{event.anchor}' is inside what it points to")
        self.nodes += node.size
        if self.nodes > self.bounds.nodes:
            most = f"{self.bounds.nodes:,}"
            raise self.stop(event, f"the aliases of this file expand to more than {most} values")
        return node

    def sequence(self, event: yaml.SequenceStartEvent, depth: int) -> Node:
        items = []
        while not isinstance(following := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(following, depth + 1))
        return Node(self.where(event), items=tuple(items), size=1 + sum(item.size for item in items))

    def mapping(self, event: yaml.MappingStartEvent, depth: int) -> Node:
        entries: dict[str, tuple[Key, Node]] = {}
        merged: list[Node] = []
        while not isinstance(following := next(self.events), yaml.MappingEndEvent):
            key = self.key(following, depth)
            value = self.node(next(self.events), depth + 1)
            if key is None:
                continue
            if key.text == "<<":
                merged.extend(self.merge_sources(key, value))
            elif key.text in entries:
                first = entries[key.text][0].where.line
                message = f"{key.text!r} appears twice in this mapping; the first is on line {first}"
                self.wrong(key.where, message)
            else:
                entries[key.text] = (key, value)
        for source in merged:
            for key, value in (source.entries or {}).items():
                entries.setdefault(key.text, (key, value))
        size = 1 + sum(value.size for _, value in entries.values())
        return Node(self.where(event), entries=dict(entries.values()), size=size)

    def key(self, event: yaml.Event, depth: int) -> Key | None:
        """The key, or None after saying what is wrong with it."""
        node = self.node(event, depth + 1)
        if node.is_scalar:
            return Key(node.text, self.where(event))
        where = self.where(event)
        line = excerpt(self.lines, where.line) or ""
        if line.startswith("{{", where.column - 2):
            # `{{ x }}` without quotes is YAML for a mapping that has a mapping as its key
            start = replace(where, column=where.column - 1)
            self.wrong(start, _MUST_BE_QUOTED, _quoted_hint(line, start.column))
        else:
            self.wrong(where, "a key must be one word or text, not a list or a mapping")
        return None

    def merge_sources(self, key: Key, value: Node) -> Sequence[Node]:
        sources = value.items if value.items is not None else (value,)
        if any(source.entries is None for source in sources):
            self.wrong(key.where, "<< takes a mapping, or a list of mappings")
            return ()
        return sources

    def check_tag(self, event: yaml.Event) -> None:
        tag = getattr(event, "tag", None)
        if tag not in {None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self.wrong(self.where(event), f"the tag {shown} is not used here")

    def where(self, event: yaml.Event) -> Where:
        mark = event.start_mark
        return Where(self.source.name, mark.line + 1, mark.column + 1) if mark else Where(self.source.name)

    def wrong(self, where: Where, message: str, hint: str | None = None) -> None:
        mistake = Mistake(where, message, hint, excerpt(self.lines, where.line))
        if len(self.mistakes) >= _MOST_OF_FORM:
            raise DocumentError(mistake)
        self.mistakes.append(mistake)

    def stop(self, event: yaml.Event | None, message: str, hint: str | None = None) -> DocumentError:
        where = Where(self.source.name) if event is None else self.where(event)
        return DocumentError(Mistake(where, message, hint, excerpt(self.lines, where.line)))


class TooManyMistakes(Exception):
    """Reading on would only take time: there are enough already."""


@dataclass(slots=True)
class Mistakes:
    lines: dict[str, list[str]] = field(default_factory=dict)
    """File → its lines, for the one that a mistake shows."""
    found: dict[Where, Mistake] = field(default_factory=dict)
    """One a place: the first is the cause, what follows there is only its consequence."""

    def read(self, text: Text) -> Node | None:
        """The tree of a file; None, and a mistake, where it is no YAML."""
        self.lines[text.name] = lines_of(text.text)
        node, mistakes = read_document(text)
        for mistake in mistakes:
            self.found.setdefault(mistake.where, mistake)
        return node

    def add(self, at: Where | Node | Key, message: str, hint: str | None = None) -> None:
        """Raises: TooManyMistakes."""
        where = at if isinstance(at, Where) else at.where
        if where in self.found:
            return
        if len(self.found) >= _MOST:
            raise TooManyMistakes
        line = excerpt(self.lines.get(where.file, []), where.line)
        self.found[where] = Mistake(where, message, hint, line)

    def value(self, key: str, node: Node, read: Callable[[Node], T], hint: str | None = None) -> T | None:
        """What `read` makes of a node; None, and a mistake, where it raises ValueError."""
        try:
            return read(node)
        except ValueError as error:
            self.add(node, f"{key}: {error}", hint)
            return None

    def existing(self, at: Where | Node, path: str, found: T | None, key: str = "") -> T | None:
        """`found`, which is None where there is no file of this name."""
        if found is None:
            hint = "paths are relative to the file that names them"
            self.add(at, f"{key}no such file: {path}", hint)
        return found

    def raise_if_any(self, secrets: Iterable[str] = ()) -> None:
        """Raises InvalidInput; no secret stands in any of its messages."""
        if not self.found:
            return
        hidden = sorted(secrets, key=len, reverse=True)
        raise InvalidInput([_redacted(mistake, hidden) for mistake in self.found.values()])


def _redacted(mistake: Mistake, secrets: Sequence[str]) -> Mistake:
    message, hint = mistake.message, mistake.hint
    for secret in secrets:
        message, hint = message.replace(secret, "***"), hint and hint.replace(secret, "***")
    return replace(mistake, message=message, hint=hint)
