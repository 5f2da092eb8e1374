"""A writer of PDFs whose every byte is known: text at exact places, and outlines of every kind."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FONTS = {
    "Times": "Times-Roman",
    "Bold": "Times-Bold",
    "Mono": "Courier",
    "Symbol": "Symbol",
}
_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
WIDTH, HEIGHT = 595, 842


@dataclass(frozen=True, slots=True)
class Text:
    """A string with its baseline at (x, y), points from the bottom left."""

    x: float
    y: float
    text: str
    size: float = 11
    font: str = "Times"
    rotation: int = 0

    def operators(self) -> bytes:
        a, b = ((1, 0), (0, 1), (-1, 0), (0, -1))[self.rotation]
        return b"BT /%s %g Tf %d %d %d %d %g %g Tm %s Tj ET\n" % (
            self.font.encode(),
            self.size,
            a,
            b,
            -b,
            a,
            self.x,
            self.y,
            literal(self.text.encode("cp1252")),
        )


def column(
    text: str, *, x: float = 72, top: float = 760, size: float = 11, font: str = "Times", leading: float = 1.2
) -> list[Text]:
    """Return the lines of a text below each other; an empty line leaves a gap."""
    return [
        Text(x, top - at * size * leading, line, size, font) for at, line in enumerate(text.split("\n")) if line.strip()
    ]


@dataclass(frozen=True, slots=True)
class Entry:
    """A bookmark; `target` is what stands after /Dest (`/XYZ 0 700 0` is put on the page), None for no target."""

    title: str
    page: int | None = None
    view: str = "/Fit"
    level: int = 0
    name: str | None = None
    action: bool = False


@dataclass(slots=True)
class PdfWriter:
    """Collects pages; `build` returns the file.

    With a `user_password` the pages are encrypted, but neither the outline nor the properties.
    """

    pages: list[bytes] = field(default_factory=list)
    outline: Sequence[Entry] = ()
    info: Mapping[str, str] = field(default_factory=dict)
    page_entries: str = ""
    user_password: bytes | None = None

    def page(self, *texts: Text | Sequence[Text]) -> None:
        flat = [text for group in texts for text in ([group] if isinstance(group, Text) else group)]
        self.pages.append(b"".join(text.operators() for text in flat))

    def build(self) -> bytes:
        objects: dict[int, bytes] = {}
        first_page = 10
        kids = [first_page + 2 * at for at in range(len(self.pages))]
        fonts = " ".join(
            f"/{name} << /Type /Font /Subtype /Type1 /BaseFont /{base}"
            + ("" if base == "Symbol" else " /Encoding /WinAnsiEncoding")
            + " >>"
            for name, base in FONTS.items()
        )
        objects[2] = f"<< /Type /Pages /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] /Count {len(kids)} >>".encode()
        objects[3] = f"<< /Font << {fonts} >> >>".encode()
        key = self._key(objects)
        for kid, content in zip(kids, self.pages, strict=True):
            objects[kid] = (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Resources 3 0 R "
                f"/Contents {kid + 1} 0 R {self.page_entries} >>"
            ).encode()
            body = content if key is None else _rc4(_object_key(key, kid + 1), content)
            objects[kid + 1] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(body), body)
        start = first_page + 2 * len(self.pages)
        names = self._write_outline(objects, start, kids)
        objects[4] = ("<< " + " ".join(f"/{k} {_hex(v)}" for k, v in self.info.items()) + " >>").encode()
        objects[1] = f"<< /Type /Catalog /Pages 2 0 R /Outlines {start} 0 R {names} >>".encode()
        return assemble(objects, b"/Encrypt 5 0 R /ID [<00> <00>]" if key else b"")

    def _write_outline(self, objects: dict[int, bytes], start: int, kids: Sequence[int]) -> str:
        """Put the outline into objects from `start`; return the named destinations for the catalog."""
        numbers = [start + 1 + at for at in range(len(self.outline))]
        names = []
        objects[start] = f"<< /Type /Outlines {_children(self.outline, numbers, -1)} >>".encode()
        for at, (entry, number) in enumerate(zip(self.outline, numbers, strict=True)):
            later = self.outline[at + 1 :]
            sibling = next(
                (
                    number + 1 + i
                    for i, other in enumerate(later)
                    if all(e.level >= entry.level for e in later[: i + 1]) and other.level == entry.level
                ),
                None,
            )
            target = ""
            if entry.page is not None:
                page = f"{kids[entry.page]} 0 R" if entry.page < len(kids) else str(entry.page)
                destination = f"[{page} {entry.view}]"
                if entry.name:
                    names.append(f"({entry.name}) {destination}")
                    destination = f"({entry.name})"
                target = f"/A << /S /GoTo /D {destination} >>" if entry.action else f"/Dest {destination}"
            following = f"/Next {sibling} 0 R" if sibling else ""
            objects[number] = (
                f"<< /Title {_hex(entry.title)} /Parent {start} 0 R {target} {following} "
                f"{_children(self.outline, numbers, at)} >>"
            ).encode()
        return f"/Names << /Dests << /Names [{' '.join(names)}] >> >>" if names else ""

    def _key(self, objects: dict[int, bytes]) -> bytes | None:
        """Return the encryption key (40-bit RC4, revision 2) and write its dictionary; None without a password."""
        if self.user_password is None:
            return None
        padded = (self.user_password + _PADDING)[:32]
        owner = _rc4(hashlib.md5(_PADDING).digest()[:5], padded)  # noqa: S324 - the format requires it
        key = hashlib.md5(padded + owner + b"\xff\xff\xff\xff" + b"\0").digest()[:5]  # noqa: S324
        objects[5] = b"<< /Filter /Standard /V 1 /R 2 /P -1 /O <%s> /U <%s> >>" % (
            owner.hex().encode(),
            _rc4(key, _PADDING).hex().encode(),
        )
        return key


def assemble(objects: Mapping[int, bytes], trailer: bytes = b"", *, root: int = 1) -> bytes:
    """Return a file of these objects, with a cross-reference table."""
    out = bytearray(b"%PDF-1.7\n")
    places = {}
    for number in sorted(objects):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    size, start = max(objects) + 1, len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        out += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n"
    info = b"/Info 4 0 R" if 4 in objects else b""
    out += b"trailer << /Size %d /Root %d 0 R %s %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, root, info, trailer, start)
    return bytes(out)


def literal(raw: bytes) -> bytes:
    """Return bytes as a string of PDF."""
    return b"(" + raw.replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)") + b")"


def _children(outline: Sequence[Entry], numbers: Sequence[int], at: int) -> str:
    level = outline[at].level if at >= 0 else -1
    below = []
    for entry, number in zip(outline[at + 1 :], numbers[at + 1 :], strict=True):
        if entry.level <= level:
            break
        if entry.level == level + 1:
            below.append(number)
    return f"/First {below[0]} 0 R /Last {below[-1]} 0 R /Count {len(below)}" if below else ""


def _hex(text: str) -> str:
    return f"<feff{text.encode('utf-16-be').hex()}>"


def _object_key(key: bytes, number: int) -> bytes:
    return hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[: len(key) + 5]  # noqa: S324


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    out = bytearray()
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
