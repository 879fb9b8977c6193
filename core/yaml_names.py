"""The `names:` of a YAML file, as Ultralytics' data files have them, and nothing else of YAML.

Read are a block of `0: name` lines, a block of `- name` lines, and the same in one go,
`{0: name, 1: name}` or `[name, name]`, with or without quotes, over any number of lines. What
has more to it (anchors, tags, text blocks) is not guessed at: there are no names then.
"""

from __future__ import annotations

import re

from core.modelfile.metadata import class_names

_NAMES = re.compile(r"^(?:names|'names'|\"names\")[ \t]*:(?=\s|$)", re.MULTILINE)
# A quoted name (a quote within a word is an apostrophe), a comment, one of the marks of flow
# style, space, or plain text.
_TOKEN = re.compile(
    r"""(?<![^\s\[\]{},:])(?:'(?:[^'\n]|'')*'|"(?:[^"\\\n]|\\.)*")|(?<!\S)\#[^\n]*|"""
    r"""[\[\]{},]|\s+|[^\s\[\]{},'"]+|['"]"""
)
_ITEM = re.compile(r"""(\d{1,9}|'\d{1,9}'|"\d{1,9}")[ \t]*:(?:[ \t]+(.*))?$""", re.DOTALL)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", " ": " ", "t": " ", "n": " "}


def yaml_names(text: str) -> tuple[str, ...]:
    """The names by class id; () where there are none in a form that is read."""
    start = _NAMES.search(text)
    if start is None:
        return ()
    rest = text[start.end() :]
    first, _, below = rest.partition("\n")
    contents = (_uncommented(line) for line in rest.splitlines())
    if _uncommented(first) or next(filter(None, contents), "").startswith(("[", "{")):
        return _flow(rest)
    return _block(below)


def _block(text: str) -> tuple[str, ...]:
    items: list[str] = []
    for line in text.splitlines():
        content = _uncommented(line)
        if not content:
            continue
        if line[0] not in " \t-" or line.startswith("---"):  # the next key, the next document
            break
        items.append(content)
    if all(item == "-" or item.startswith("- ") for item in items):
        return _listed([item[1:].strip() for item in items])
    return _numbered(items)


def _flow(text: str) -> tuple[str, ...]:
    """Names between [ ] or { }."""
    items, item, opened = [], "", ""
    for token in _TOKEN.findall(text):
        if token in ("[", "{"):
            if opened or item.strip():
                return ()  # a list in the list
            opened = token
        elif not opened:
            if token.strip() and not token.startswith("#"):
                return ()  # one name, an anchor, a tag
        elif token in ("]", "}"):
            if (opened + token) not in ("[]", "{}"):
                return ()
            items.append(item.strip())
            if not items[-1]:
                items.pop()  # a comma before the end
            return _listed(items) if opened == "[" else _numbered(items)
        elif token == ",":
            items.append(item.strip())
            item = ""
        else:
            item += " " if token.isspace() or token.startswith("#") else token
    return ()  # it does not end


def _listed(items: list[str]) -> tuple[str, ...]:
    names = [_scalar(item) for item in items]
    return () if None in names else class_names(names)


def _numbered(items: list[str]) -> tuple[str, ...]:
    names: dict[int, str] = {}
    for item in items:
        match = _ITEM.match(item)
        name = None if match is None else _scalar(match[2] or "")
        if match is None or name is None or int(match[1].strip("'\"")) in names:
            return ()
        names[int(match[1].strip("'\""))] = name
    return class_names(names)


def _scalar(text: str) -> str | None:
    """A name without its quotes; None for what is more than a name."""
    text = text.strip()
    if text[:1] == "'":
        return text[1:-1].replace("''", "'") if re.fullmatch(r"'(?:[^']|'')*'", text) else None
    if text[:1] == '"':
        if not re.fullmatch(r'"(?:[^"\\]|\\.)*"', text):
            return None
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), text[1:-1])
    return None if text[:1] in ("&", "*", "!", "|", ">", "@", "`", "%", "[", "{") else text


def _uncommented(line: str) -> str:
    """A line without its comment: a # that begins a word, outside of quotes."""
    tokens = _TOKEN.findall(line)
    return "".join(token for token in tokens if not token.startswith("#")).strip()
