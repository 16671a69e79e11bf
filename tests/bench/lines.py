"""Lines of code below a folder, by room: `python -m tests.bench.lines [CHECKOUT]`.

Python and JavaScript, without blank lines, comments and docstrings. Compare two checkouts to see what a change removed.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from pathlib import Path

_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
_NOT_OURS = {"uplot", "node_modules"}


def of_python(text: str) -> int:
    described: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            described.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _LAYOUT:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - described)


def of_javascript(text: str) -> int:
    bare = re.sub(r"/\*.*?\*/", lambda comment: "\n" * comment[0].count("\n"), text, flags=re.DOTALL)
    return sum(bool(line.strip()) and not line.strip().startswith("//") for line in bare.splitlines())


COUNTED = {".py": of_python, ".mjs": of_javascript, ".js": of_javascript}


def by_room(checkout: Path) -> Counter[str]:
    package = checkout / "loadctl"
    lines: Counter[str] = Counter()
    for path in sorted(package.rglob("*")):
        parts = path.relative_to(package).parts
        if path.suffix not in COUNTED or _NOT_OURS & set(parts):
            continue
        room = "/".join(parts[:-1][: 2 if parts[0] == "engines" else 1]) or "."
        lines[room] += COUNTED[path.suffix](path.read_text(encoding="utf-8"))
    return lines


def main() -> None:
    lines = by_room(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    for room, count in sorted(lines.items()):
        print(f"{room:<20} {count:>6}")
    print(f"{'all':<20} {lines.total():>6}")


if __name__ == "__main__":
    main()
