"""BBj programs: one document per file, cut later at classes, methods, functions and labels.

Only the suffix distinguishes a program from other files, and it is weak evidence: `.txt` is mostly prose, `.arc` is a
resource, and a program may have been saved tokenized under any suffix. So the parser decides from the bytes of a file.
Programs also outlive encodings: a file that is not UTF-8 is read as Windows-1252, and line breaks can be CRLF, LF, CR
or, after a faulty transfer, CR CR LF.
"""

import re
from collections.abc import Iterator, Sequence

from bbj_assets.chunking.bbj_structure import Declaration, declarations, scan
from bbj_assets.documents import Document, Item, Json
from bbj_assets.errors import ParseError
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.walk import partition_of, walk

VERSION: int = 1
"""Increase it when the same bytes would yield other documents."""

SUFFIXES = frozenset({".bbj", ".bbjt", ".bbl", ".src", ".aon", ".prc", ".arc", ".txt"})

_TOKENIZED = re.compile(rb"<<bb[jx]>>", re.IGNORECASE)
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1a\x1b")
_MOST_CONTROL_BYTES = 0.02
_LINE_BREAK = re.compile(r"\r+\n|\r")
_LINE_NUMBER = re.compile(r"[ \t]*\d{1,5}[ \t]+\S")
_NUMBERED_SHARE = 0.8

# Lines that are BBj. Prose also begins with `if`, `open`, `print` and `return`, so a verb alone is not enough.
# A weak match could also be a line of a settings file or of a program in another language.
_STATEMENT = re.compile(
    r"""[ \t]*+ (?>(?:\d{1,5}[ \t]++)?) (?>(?:[a-z_]\w*+:(?!:)[ \t]*+)?)
    (?:
      (?P<weak>
          rem(?![\w!$%@])
        | (?:let[ \t]+)?[a-z_][\w.]*+(?:[\[(][^=]*+)?[ \t]*+=[^=]
        | [a-z_][\w.]*+\(.*\)[ \t]*+$
      )
    | (?:let[ \t]+)?\#?[a-z_][\w.]*+[$%!](?:[\[(][^=]*+)?[ \t]*+=[^=]
    | \#?[a-z_]\w*+!\.\w | \#\w++!?[.(]
    | (?:end)?if\b.*(?:\bthen\b|[=<>])
    | (?:fi|endif|wend|swend|next|until|methodend|classend|fnend|interfaceend|end|release|stop|begin|else|return
        |exit|escape|process_events|break|retry|repeat)(?>(?:[ \t]+\w+)?)[ \t]*+(?:;|$)
    | (?:gosub|goto|exitto|setesc|seterr|restore)[ \t]++\w++[ \t]*+(?:;|$)
    | (?:open|close|readrecord|writerecord|remove|lock|unlock|select
        |(?:read|write|input|extract|find|print)(?:[ \t]+record)?)[ \t]*+\(
    | (?:print|\?|call|run|throw|xcall|execute|chdir|prefix|mkdir)[ \t]*+["'@$]
    | for[ \t]+\w+%?[ \t]*= | while[ \t].*[=<>(1] | (?:switch|case)[ \t] | dim[ \t]+\w | on[ \t].*\bgo(?:to|sub)\b
    | (?:class|interface|method|field)[ \t]+(?:public|private|protected)\b | (?:methodret|enter)\b
    | def[ \t]+fn\w | use[ \t]+(?:::|\w+\.\w) | declare[ \t]+\w+
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_PROGRAM_SHARE = 0.6


def discover(source: Source) -> Iterator[Item]:
    """List the files with a suffix of programs. Only parsing shows whether a `.txt` is one.

    Raises:
        ListingError: a folder could not be read.
    """
    for root, path in walk(source, SUFFIXES):
        yield Item(key=f"file://{path}", partition=partition_of(path), root=root, path=path)


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:
    """Return the program as one document; none for an empty file or a `.txt` that is not a program.

    Raises:
        ParseError: the file is a tokenized program, or not text.
    """
    del source, files  # a program is its own file
    text = _decode(item, raw)
    if not text.strip() or (item.path.lower().endswith(".txt") and not is_program(text)):
        return ()
    *folders, name = item.path.split("/")
    return (
        Document(
            source_url=item.key,
            title=name,
            content=text,
            format="bbj",
            doc_type="example",
            section_path=tuple(folders),
            metadata=_metadata(text),
        ),
    )


def is_program(text: str) -> bool:
    """Return whether most lines that are not blank are BBj, and at least one of them can be nothing else."""
    lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith(":")]
    statements = [match for line in lines if (match := _STATEMENT.match(line))]
    return (
        len(statements) >= _PROGRAM_SHARE * len(lines)
        and any(statement["weak"] is None for statement in statements)
        and not any(line.lstrip().startswith("```") for line in lines)  # a page about programs
    )


def _decode(item: Item, raw: bytes) -> str:
    if _TOKENIZED.match(raw):
        raise ParseError(
            f"{item.path} is a tokenized program, not text. Convert it with bbjlst "
            f"(`bbjlst {item.path.rpartition('/')[2]}`) and put the listing in its place."
        )
    for mark, encoding in _BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            text = raw[len(mark) :].decode(encoding, "replace")
            break
    else:
        controls = len(raw) - len(raw.translate(None, _CONTROL))
        if controls > _MOST_CONTROL_BYTES * len(raw):
            raise ParseError(
                f"{item.path} is not text: {controls:,} of its {len(raw):,} bytes are control characters. "
                "Remove it, or name it in `exclude` of its source in sources.toml."
            )
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", "replace")
    # Files from the eighties still end with the end-of-file character of CP/M and DOS.
    return _LINE_BREAK.sub("\n", text).replace("\0", "").rstrip("\x1a \t\n").lstrip("\n")


def _metadata(text: str) -> dict[str, Json]:
    """Return the names that the program declares, its number of lines and whether they are numbered."""
    statements = scan(text)
    found = declarations(statements)
    numbered = sum(_LINE_NUMBER.match(text, s.start, s.end) is not None for s in statements)
    names: dict[str, Json] = {
        "classes": _names(found, "class", "interface"),
        "methods": _names(found, "method"),
        "functions": _names(found, "function"),
        "labels": _names(found, "label"),
    }
    return {
        **{kind: values for kind, values in names.items() if values},
        "lines": text.count("\n") + 1,
        "line_numbered": len(statements) > 1 and numbered >= _NUMBERED_SHARE * len(statements),
    }


def _names(found: Sequence[Declaration], *kinds: str) -> list[Json]:
    return list(dict.fromkeys(declaration.name for declaration in found if declaration.kind in kinds))
