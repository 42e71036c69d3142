#!/usr/bin/env python3
"""Writes the page that explains the API, from the OpenAPI document in JSON (api/openapi.yaml by yaml2json.py).

usage: api_docs.py OPENAPI.json OUT.html

Everything is in the page as plain HTML: it can be read, searched by the browser and printed without a script. Its
styles and its script are src/api/docs/.
"""
import html
import json
import re
import sys

METHODS = ("get", "post", "put", "patch", "delete")
WHO = {
    "anyone": "Anyone", "user": "Any signed-in user", "operator": "Operators and administrators",
    "admin": "Administrators", "agent": "Agents, by their key", "link": "Holders of a share's link", "ticket": "Holders of a ticket",
}
BOUNDS = (("minimum", "≥ {}"), ("maximum", "≤ {}"), ("minLength", "at least {} characters"), ("maxLength", "at most {} characters"),
          ("maxItems", "at most {} entries"), ("maxProperties", "at most {} entries"), ("default", "default {}"))


def escape(text):
    return html.escape(str(text), quote=True)


def inline(text):
    """Text with `code` and **strong** in it."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)


def without_links(text):
    """For a place that is itself something to press."""
    return re.sub(r"</?a\b[^>]*>", "", text)


def paragraphs(text):
    """Paragraphs, and lists of lines that begin with "- ", as descriptions have them."""
    out = []
    for block in re.split(r"\n\s*\n", (text or "").strip()):
        lines = block.splitlines()
        if lines and all(line.startswith(("- ", "  ")) for line in lines):
            items = re.split(r"^- ", block, flags=re.M)[1:]
            out.append("<ul>" + "".join(f"<li>{inline(' '.join(item.split()))}</li>" for item in items) + "</ul>")
        elif block:
            out.append(f"<p>{inline(' '.join(lines))}</p>")
    return "".join(out)


def show(value):
    return value if isinstance(value, str) else json.dumps(value)


class Page:
    def __init__(self, document):
        self.document = document

    def resolve(self, item):
        while isinstance(item, dict) and "$ref" in item:
            target = self.document
            for part in item["$ref"].lstrip("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            item = target
        return item

    def type_of(self, schema):
        """A few words, with a link where the schema has a name."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
        for word, joint in (("allOf", " and "), ("oneOf", " or "), ("anyOf", " or ")):
            if word in schema:
                return joint.join(self.type_of(part) for part in schema[word])
        if "const" in schema:
            return f"<code>{escape(show(schema['const']))}</code>"
        if "enum" in schema:
            return " | ".join(f"<code>{escape(show(value))}</code>" for value in schema["enum"])
        kinds = schema.get("type", "any value")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        words = []
        for kind in kinds:
            if kind == "array":
                words.append("list of " + self.type_of(schema.get("items", {})))
            elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
                words.append("object of " + self.type_of(schema["additionalProperties"]))
            elif kind == "string" and schema.get("format"):
                words.append({"date-time": "time (RFC 3339)"}.get(schema["format"], f"string ({escape(schema['format'])})"))
            else:
                words.append(escape(kind))
        return " or ".join(words)

    def bounds(self, schema):
        notes = [form.format(escape(show(schema[word]))) for word, form in BOUNDS if word in schema]
        if schema.get("examples"):
            notes.append("such as " + ", ".join(f"<code>{escape(show(value))}</code>" for value in schema["examples"]))
        if "pattern" in schema:
            notes.append(f"<code>{escape(schema['pattern'])}</code>")
        if schema.get("readOnly"):
            notes.append("only in answers")
        return ", ".join(notes)

    def field(self, name, schema, required, where=""):
        notes = [f'<span class="type">{self.type_of(schema)}</span>']
        if where:
            notes.append(f'<span class="note">{escape(where)}</span>')
        if required:
            notes.append('<span class="required">required</span>')
        bounds = self.bounds(schema)
        if bounds:
            notes.append(f'<span class="note">{bounds}</span>')
        text = schema.get("description")
        return (f'<li><code class="name">{escape(name)}</code> {" ".join(notes)}'
                + (f'<div class="about">{paragraphs(text)}</div>' if text else "") + self.fields(schema) + "</li>")

    def fields(self, schema):
        """The fields of an object, of a list's entries, of what it is put together of; a named one is a link."""
        if "$ref" in schema:
            return ""
        if "allOf" in schema:
            return "".join(self.fields(part) for part in schema["allOf"])
        if "items" in schema:
            return self.fields(schema["items"])
        rows = [self.field(name, part, name in schema.get("required", ())) for name, part in schema.get("properties", {}).items()]
        if isinstance(schema.get("additionalProperties"), dict):
            rows += [self.fields(schema["additionalProperties"])]
        text = "".join(rows)
        return f'<ul class="fields">{text}</ul>' if text else ""

    def content(self, item):
        """Bodies by media type."""
        out = []
        for kind, media in item.get("content", {}).items():
            schema = media.get("schema", {})
            out.append(f'<div class="body"><span class="media">{escape(kind)}</span> <span class="type">{self.type_of(schema)}</span>'
                       + self.fields(schema) + "</div>")
        return "".join(out)

    def parameters(self, item, operation):
        found = [self.resolve(one) for one in item.get("parameters", []) + operation.get("parameters", [])]
        if not found:
            return ""
        rows = []
        for one in found:
            schema = dict(one.get("schema", {}))
            if "description" in one:
                schema["description"] = one["description"]
            rows.append(self.field(one["name"], schema, one.get("required"), f"in {one['in']}"))
        return f'<h3>Parameters</h3><ul class="fields">{"".join(rows)}</ul>'

    def responses(self, operation):
        rows = []
        for status, answer in operation["responses"].items():
            answer = self.resolve(answer)
            headers = "".join(self.field(name, {**self.resolve(header).get("schema", {}), "description": self.resolve(header).get("description", "")}, False, "header")
                              for name, header in answer.get("headers", {}).items())
            rows.append(f'<dt><code class="status s{escape(status[0])}">{escape(status)}</code></dt><dd>{paragraphs(answer.get("description"))}'
                        + (f'<ul class="fields">{headers}</ul>' if headers else "") + self.content(answer) + "</dd>")
        return f'<h3>Answers</h3><dl class="answers">{"".join(rows)}</dl>'

    def example(self, path, method, operation):
        """The call with curl; what has to be put in stands in capitals."""
        parts = ["curl"] + ([f"-X {method.upper()}"] if method != "get" else [])
        if operation.get("security", self.document.get("security")) and operation.get("x-access") != "agent":
            parts.append('-H "Authorization: Bearer $TOKEN"')
        kinds = list(self.resolve(operation.get("requestBody", {})).get("content", {}))
        if kinds:
            parts.append(f"-H 'Content-Type: {kinds[0]}'" + (" -d @body.json" if kinds[0].endswith("json") else " --data-binary @FILE"))
        parts.append('"$URL' + re.sub(r"\{(\w+)\}", lambda found: found.group(1).upper(), path) + '"')
        return f'<h3>With curl</h3><pre class="example"><code>{escape(" ".join(parts))}</code></pre>'

    def operation(self, path, method, item):
        operation = item[method]
        body = self.resolve(operation.get("requestBody", {}))
        shown_path = re.sub(r"(\{\w+\})", r"<var>\1</var>", escape(path))
        access = WHO.get(operation.get("x-access"), operation.get("x-access", ""))
        return (f'<details class="operation" id="{escape(operation["operationId"])}"><summary>'
                f'<span class="method {method}">{method.upper()}</span> <code class="path">{shown_path}</code> '
                f'<span class="short">{inline(operation.get("summary", ""))}</span></summary><div class="inside">'
                + paragraphs(operation.get("description"))
                + f'<p class="access"><strong>Who may:</strong> {escape(access)} · <a href="#{escape(operation["operationId"])}">{escape(operation["operationId"])}</a></p>'
                + self.parameters(item, operation)
                + (f"<h3>Body</h3>{paragraphs(body.get('description'))}{self.content(body)}" if body else "")
                + self.responses(operation) + self.example(path, method, operation) + "</div></details>")

    def operations(self, tag):
        return [(path, method, item) for path, item in self.document["paths"].items() for method in METHODS
                if method in item and tag in item[method].get("tags", [])]

    def navigation(self):
        out = []
        for tag in self.document["tags"]:
            links = "".join(
                f'<li><a href="#{escape(item[method]["operationId"])}"><span class="method {method}">{method.upper()}</span> '
                f'<span>{inline(item[method].get("summary", path))}</span></a></li>' for path, method, item in self.operations(tag["name"]))
            out.append(f'<section data-part="{escape(tag["name"])}"><h2><a href="#tag-{escape(tag["name"])}">{escape(title(tag["name"]))}</a></h2><ul>{links}</ul></section>')
        schemas = "".join(f'<li><a href="#schema-{escape(name)}">{escape(name)}</a></li>' for name in self.document["components"]["schemas"])
        out.append(f'<section data-part="schemas"><h2><a href="#schemas">Schemas</a></h2><ul>{schemas}</ul></section>')
        return "".join(out)

    def sections(self):
        out = []
        for tag in self.document["tags"]:
            rows = "".join(self.operation(*one) for one in self.operations(tag["name"]))
            out.append(f'<section class="part" id="tag-{escape(tag["name"])}"><h2>{escape(title(tag["name"]))}</h2>'
                       f'<p class="lead">{inline(tag.get("description", ""))}</p>{rows}</section>')
        schemas = "".join(
            f'<details class="schema" id="schema-{escape(name)}"><summary><code class="path">{escape(name)}</code> '
            f'<span class="short">{without_links(self.type_of(schema))}</span></summary><div class="inside">{paragraphs(schema.get("description"))}'
            f'{self.fields(schema)}</div></details>' for name, schema in self.document["components"]["schemas"].items())
        out.append(f'<section class="part" id="schemas"><h2>Schemas</h2><p class="lead">What has a name of its own.</p>{schemas}</section>')
        return "".join(out)

    def security(self):
        rows = "".join(f'<li><code class="name">{escape(name)}</code> <span class="type">{escape(about(scheme))}</span>'
                       f'<div class="about">{paragraphs(scheme.get("description"))}</div></li>'
                       for name, scheme in self.document["components"]["securitySchemes"].items())
        return f'<h2>Signing in</h2><ul class="fields">{rows}</ul>'

    def html(self):
        info = self.document["info"]
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(info["title"])} API</title>
<link rel="icon" type="image/svg+xml" href="/api/docs/logo.svg">
<link rel="stylesheet" href="/api/docs/docs.css">
<script src="/api/docs/docs.js"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the contents</a>
<header>
<a class="home" href="/"><img src="/api/docs/logo.svg" alt="" width="28" height="28"> {escape(info["title"])}</a>
<span class="what">API v{escape(info["version"])}</span>
<label class="search"><span class="hidden">Search the API</span><input type="search" id="search" placeholder="Search   /" autocomplete="off" spellcheck="false"></label>
<button type="button" id="scheme" hidden>Dark</button>
<a href="/api/openapi.json">openapi.json</a>
</header>
<div class="columns">
<nav aria-label="Operations">{self.navigation()}</nav>
<main id="content" tabindex="-1">
<section class="intro"><h1>{escape(info["title"])} API</h1>
<p class="lead">{inline(info.get("summary", ""))}</p>
{paragraphs(info.get("description"))}
{self.security()}</section>
<p id="found" role="status"></p>
{self.sections()}
</main>
</div>
</body>
</html>
"""


def title(name):
    """apiKeys → API keys."""
    words = re.sub(r"([A-Z])", lambda found: " " + found.group(1).lower(), name)
    return {"api keys": "API keys"}.get(words, words[:1].upper() + words[1:])


def about(scheme):
    if scheme["type"] == "http":
        return f"Authorization: {scheme['scheme'].capitalize()} …"
    return f"{scheme['in']} {scheme['name']}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        page = Page(json.load(file))
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(page.html())


main()
