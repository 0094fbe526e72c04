"""XML: its text, an element a line. Documents with a DTD are refused: entities can name files and explode."""

from __future__ import annotations

from xml.parsers import expat

from callgauge.formats.documents.errors import DocumentError

MAX_DEPTH = 200


def read_xml(data: bytes) -> str:
    """Lines such as `price (currency=EUR): 12`."""
    lines: list[str] = []
    stack: list[tuple[str, list[str]]] = []

    def flush() -> None:
        if stack:
            label, parts = stack[-1]
            words = " ".join("".join(parts).split())
            parts.clear()
            if words:
                lines.append(f"{label}: {words}")

    def start(name: str, attributes: dict[str, str]) -> None:
        flush()
        if len(stack) >= MAX_DEPTH:
            raise DocumentError(f"it is nested deeper than {MAX_DEPTH} levels")
        described = ", ".join(f"{key}={value}" for key, value in attributes.items())
        stack.append((f"{name} ({described})" if described else name, []))

    def end(_name: str) -> None:
        flush()
        stack.pop()

    def text(words: str) -> None:
        if stack:
            stack[-1][1].append(words)

    def refuse(*_: object) -> None:
        raise DocumentError("it has a document type declaration, which is not accepted")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DocumentError(f"it is not valid XML at line {error.lineno}") from None
    return "\n".join(lines)
