#!/usr/bin/env python3
"""Converts the YAML that we write by hand (api/openapi.yaml) to JSON, with the standard library alone.

usage: yaml2json.py IN.yaml OUT.json

Understood is the plain part of YAML 1.2: block mappings and sequences, one-line flow collections, plain and quoted
scalars, literal (|) and folded (>) blocks, comments. Anchors, tags, several documents and tabs are refused: a file
that needs them is no longer plain. A test compares the outcome with a full YAML reader.
"""
import json
import re
import sys


class YamlError(Exception):
    pass


KEY = re.compile(r"""^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'\[\]{},#&*!|>%@`-][^#]*?|-[^\s#][^#]*?)\s*:(?:\s+(.*)|)$""")


def strip_comment(text):
    """Cuts a comment that is not inside quotes."""
    quote = None
    for i, c in enumerate(text):
        if quote:
            if c == "\\" and quote == '"':
                continue
            if c == quote and not (quote == '"' and text[i - 1] == "\\"):
                quote = None
        elif c in "\"'" and (i == 0 or text[i - 1] in " [{,:"):
            quote = c
        elif c == "#" and (i == 0 or text[i - 1].isspace()):
            return text[:i].rstrip()
    return text.rstrip()


def scalar(text):
    """A scalar of one line, by the core schema."""
    if text.startswith('"'):
        return json.loads(text)
    if text.startswith("'"):
        if len(text) < 2 or not text.endswith("'"):
            raise YamlError(f"unfinished quotes: {text}")
        return text[1:-1].replace("''", "'")
    if text[:1] in "&*!%@`":
        raise YamlError(f"not understood: {text}")
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        return float(text)
    return text


class Flow:
    """[a, b] and {a: b} on one line."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def space(self):
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1

    def peek(self):
        self.space()
        if self.at >= len(self.text):
            raise YamlError(f"unfinished: {self.text}")
        return self.text[self.at]

    def word(self, stops):
        if self.peek() in "\"'":
            quote, begin = self.text[self.at], self.at
            self.at += 1
            while self.at < len(self.text) and self.text[self.at] != quote:
                self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
            self.at += 1
            return scalar(self.text[begin:self.at])
        begin = self.at
        while self.at < len(self.text) and self.text[self.at] not in stops and not (
                self.text[self.at] == ":" and ":" in stops + ":" and self.text[self.at + 1:self.at + 2] in (" ", "")):
            self.at += 1
        return scalar(self.text[begin:self.at].strip())

    def value(self):
        c = self.peek()
        if c == "[":
            return self.sequence()
        if c == "{":
            return self.mapping()
        return self.word(",]}")

    def sequence(self):
        self.at += 1
        items = []
        while self.peek() != "]":
            items.append(self.value())
            if self.peek() == ",":
                self.at += 1
            elif self.peek() != "]":
                raise YamlError(f"',' or ']' expected: {self.text}")
        self.at += 1
        return items

    def mapping(self):
        self.at += 1
        items = {}
        while self.peek() != "}":
            key = self.word(",}")
            if self.peek() != ":":
                raise YamlError(f"':' expected: {self.text}")
            self.at += 1
            items[str(key)] = self.value()
            if self.peek() == ",":
                self.at += 1
            elif self.peek() != "}":
                raise YamlError(f"',' or '}}' expected: {self.text}")
        self.at += 1
        return items


class Reader:
    def __init__(self, text):
        if "\t" in text:
            raise YamlError("tabs are not allowed")
        self.raw = text.split("\n")
        self.at = 0

    def skip(self):
        while self.at < len(self.raw) and not strip_comment(self.raw[self.at]).strip():
            self.at += 1

    def line(self):
        """(indentation, text without comment) of the next line that says something; None at the end."""
        self.skip()
        if self.at >= len(self.raw):
            return None
        text = strip_comment(self.raw[self.at])
        return len(text) - len(text.lstrip(" ")), text.strip()

    def block(self, style, parent):
        """| or > : the lines that are indented deeper than their parent."""
        self.at += 1
        lines = []
        while self.at < len(self.raw):
            text = self.raw[self.at]
            if text.strip() and len(text) - len(text.lstrip(" ")) <= parent:
                break
            lines.append(text)
            self.at += 1
        while lines and not lines[-1].strip():
            lines.pop()
        indent = min((len(l) - len(l.lstrip(" ")) for l in lines if l.strip()), default=0)
        lines = [l[indent:].rstrip() for l in lines]
        if style[0] == "|":
            text = "\n".join(lines)
        else:
            paragraphs = "\n".join(lines).split("\n\n")
            text = "\n".join(" ".join(p.split("\n")) for p in paragraphs)
        return text + ("" if style.endswith("-") else "\n")

    def inline(self, text, indent):
        """What stands behind "key:" or "- " on the same line; leaves the line behind."""
        if text in ("|", ">", "|-", ">-"):
            return self.block(text, indent)
        self.at += 1
        if text[:1] in "[{":
            flow = Flow(text)
            value = flow.value()
            flow.space()
            if flow.at != len(text):
                raise YamlError(f"something follows: {text}")
            return value
        if text[:1] not in "\"'":
            words = [text]  # a plain scalar goes on in lines that are indented deeper
            while True:
                following = self.line()
                if not following or following[0] <= indent or KEY.match(following[1]) or following[1].startswith("- "):
                    break
                words.append(following[1])
                self.at += 1
            if len(words) > 1:
                return " ".join(words)
        return scalar(text)

    def node(self, indent):
        """The value whose lines are indented by at least `indent`."""
        found = self.line()
        if not found or found[0] < indent:
            return None
        if found[1].startswith("- ") or found[1] == "-":
            return self.sequence(found[0])
        if KEY.match(found[1]):
            return self.mapping(found[0])
        return self.inline(found[1], indent - 1)

    def mapping(self, indent):
        items = {}
        while True:
            found = self.line()
            if not found or found[0] < indent:
                return items
            match = KEY.match(found[1])
            if found[0] > indent or not match:
                raise YamlError(f"line {self.at + 1}: not understood: {found[1]}")
            key = str(scalar(match.group(1)))
            if key in items:
                raise YamlError(f"line {self.at + 1}: {key} stands here twice")
            if match.group(2):
                items[key] = self.inline(match.group(2), indent)
                continue
            self.at += 1
            following = self.line()
            same = following and following[0] == indent and following[1].startswith("- ")
            items[key] = self.node(indent if same else indent + 1)

    def sequence(self, indent):
        items = []
        while True:
            found = self.line()
            if not found or found[0] != indent or not (found[1].startswith("- ") or found[1] == "-"):
                if found and found[0] > indent:
                    raise YamlError(f"line {self.at + 1}: not understood: {found[1]}")
                return items
            text = found[1][1:].lstrip()
            if not text:
                self.at += 1
                items.append(self.node(indent + 1))
            elif KEY.match(text) or text.startswith("- "):
                # The item is a collection that begins on this line: read the line as if the dash were a blank.
                inner = self.raw[self.at].index("-", 0)
                self.raw[self.at] = self.raw[self.at][:inner] + " " + self.raw[self.at][inner + 1:]
                items.append(self.node(indent + 1))
            else:
                items.append(self.inline(text, indent))


def load(text):
    reader = Reader(text)
    value = reader.node(0)
    left = reader.line()
    if left:
        raise YamlError(f"line {reader.at + 1}: not understood: {left[1]}")
    return value


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        try:
            value = load(file.read())
        except (YamlError, ValueError) as error:
            sys.exit(f"{sys.argv[1]}: {error}")
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()
