"""BBj programs: the scanner of their structure, and the pieces they are cut into."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets.chunking.bbj_structure import declarations, scan
from bbj_assets.chunking.code import split_bbj
from bbj_assets.chunking.pieces import Piece
from bbj_assets.chunking.tokens import estimate_tokens
from bbj_assets.source import ChunkSettings

NARROW = ChunkSettings(target_tokens=40, overlap_tokens=0)


def pieces_of(text: str, limits: ChunkSettings = NARROW) -> list[Piece]:
    return split_bbj(text, limits)


def paths_of(text: str) -> list[tuple[str, ...]]:
    return [tuple(declaration.name for declaration in statement.path) for statement in scan(text)]


def routine(name: str, lines: int = 8) -> str:
    body = "".join(f"        total = total + item!.getPrice({number})\n" for number in range(lines))
    return f"    rem Computes {name}\n    method public BBjNumber {name}(BBjVector items!)\n{body}    methodend\n"


# The structure: where declarations begin and end.


@pytest.mark.parametrize(
    ("line", "kind", "name", "signature"),
    [
        ("class public Grid extends Base implements A, B", "class", "Grid", "class Grid"),
        ("CLASS PUBLIC STATIC Grid; rem the grid", "class", "Grid", "class Grid"),
        ("interface Payable", "interface", "Payable", "interface Payable"),
        (
            "  method public static BBjString  getName( BBjNumber id!, java.util.List[] l! ); rem x",
            "method",
            "getName",
            "method public static BBjString getName( BBjNumber id!, java.util.List[] l! )",
        ),
        ("method Grid()", "method", "Grid", "method Grid()"),
        ("DEF FNA$(X$,Y)", "function", "FNA$", "DEF FNA$(X$,Y)"),
        ("0100 def fnb(x)=x*2", "function", "fnb", "def fnb(x)"),
        ("done:", "label", "done", "done"),
        ("open_log:rem --- Open log file", "label", "open_log", "open_log"),
        ("  next.one: print 1", "label", "next.one", "next.one"),
        ("0100 start: print 1", "label", "start", "start"),
        ("0100:", "label", "0100", "0100"),
    ],
)
def test_a_declaration_is_recognised_by_its_line(line: str, kind: str, name: str, signature: str) -> None:
    (found,) = declarations(scan(line))

    assert (found.kind, found.name, found.signature, found.line) == (kind, name, signature, 1)


@pytest.mark.parametrize(
    "line",
    [
        'class$ = "x"',
        "class! = new HashMap()",
        "method = pos(x$=y$)",
        'method$="average"',
        "method!.release()",
        'field!.put("a",b)',
        "definition(1) = 2",
        "def = 3",
        "rem class public Grid",
        "REM method public void run()",
        'print "a:b"',
        "print total:mask$",
        "dim a$:template$",
        "::demo/grid.bbj::Grid.run()",
        "http://www.example.org/",
        "classend",
        "methodend",
        "12 print 1",
    ],
)
def test_lines_that_only_look_like_declarations_are_not(line: str) -> None:
    assert declarations(scan(line)) == []


def test_rem_with_a_type_suffix_is_a_variable() -> None:
    assert [statement.comment for statement in scan('rem$="x"\nrem!.run()\nremark=1\nrem x\nREM')] == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_a_signature_over_several_lines_is_joined() -> None:
    text = "method public void open(BBjString name$,\n:    BBjNumber  mode)\n    print name$\nmethodend"

    (found,) = declarations(scan(text))

    assert found.signature == "method public void open(BBjString name$, BBjNumber mode)"


def test_the_path_of_a_statement_is_its_enclosing_declarations() -> None:
    text = """\
use java.util.HashMap
class public Grid
    field public BBjString Name$
    method public void render()
        gosub draw
draw:
        return
    methodend
    field public BBjNumber Id
classend
print 1
def fntwo(x)
    return x*2
fnend
print 2
"""
    assert paths_of(text) == [
        (),
        ("Grid",),
        ("Grid",),
        ("Grid", "render"),
        ("Grid", "render"),
        ("Grid", "render", "draw"),
        ("Grid", "render", "draw"),
        ("Grid", "render", "draw"),
        ("Grid",),
        ("Grid",),
        (),
        ("fntwo",),
        ("fntwo",),
        ("fntwo",),
        (),
    ]


def test_a_declaration_without_a_body_ends_on_its_line() -> None:
    text = """\
interface public Pay
method public void pay()
rem next
method public void refund()
interfaceend
def fna(x)=x
print fna(1)
"""

    assert paths_of(text) == [("Pay",), ("Pay", "pay"), ("Pay", "refund"), ("Pay", "refund"), ("Pay",), ("fna",), ()]


def test_a_new_declaration_ends_one_without_an_end() -> None:
    text = "class public A\nmethod public void a()\nmethod public void b()\nclass public B\nclassend\nclassend\nprint 1"

    assert paths_of(text) == [("A",), ("A", "a"), ("A", "b"), ("B",), ("B",), (), ()]


def test_the_comment_in_front_of_a_declaration_belongs_to_it() -> None:
    text = """\
rem The file

rem ======
rem --- Draws

draw: rem --- Draw
rem ======
print 1
"""
    assert paths_of(text) == [(), *[("draw",)] * 5]


# The pieces.


def test_a_small_program_is_one_readable_piece() -> None:
    text = 'rem Hello\nprint "Hello"\n'

    assert [piece.content for piece in pieces_of(text)] == ['```bbj\nrem Hello\nprint "Hello"\n```']


@pytest.mark.parametrize("text", ["", "\n \n", "\t"])
def test_a_blank_program_has_no_pieces(text: str) -> None:
    assert pieces_of(text) == []


def test_a_method_is_a_piece_with_its_comment_under_its_class_and_signature() -> None:
    text = f"class public Till\n{routine('sum')}\n{routine('average')}classend\n"

    first, second = pieces_of(text, ChunkSettings(target_tokens=110, overlap_tokens=0))

    assert first.headings == ("class Till", "method public BBjNumber sum(BBjVector items!)")
    assert first.body.startswith("class public Till\n    rem Computes sum\n    method")
    assert first.body.endswith("    methodend")
    assert second.headings == ("class Till", "method public BBjNumber average(BBjVector items!)")
    assert second.body.startswith("    rem Computes average\n    method")
    assert second.body.endswith("    methodend\nclassend")


def test_small_methods_share_a_piece_whose_heading_names_them() -> None:
    text = f"class public Till\n{routine('sum', 1)}{routine('average', 1)}{routine('most', 1)}classend\n"

    (piece,) = pieces_of(text, ChunkSettings())

    assert piece.headings == ("class Till", "sum(), average(), most()")
    assert piece.body == text.rstrip()


def test_a_long_list_of_names_is_cut_short() -> None:
    text = "".join(f"def fn{letter}(x)=x\n" for letter in "abcdefghi")

    assert [piece.headings for piece in pieces_of(text, ChunkSettings())] == [
        ("fna(), fnb(), fnc(), fnd(), fne(), fnf() and 3 more",)
    ]


def test_only_a_routine_over_the_hard_limit_is_cut_and_between_statements() -> None:
    whole = routine("sum", 4)
    assert NARROW.target_tokens < estimate_tokens(whole) <= NARROW.hard_limit
    assert len(pieces_of(whole)) == 1

    parts = pieces_of(routine("sum", 40))

    assert len(parts) > 5
    assert {part.headings for part in parts[1:]} == {("method public BBjNumber sum(BBjVector items!): Computes sum",)}
    assert max(estimate_tokens(part.body) for part in parts) <= 1.5 * NARROW.target_tokens
    assert min(estimate_tokens(part.body) for part in parts) >= NARROW.target_tokens / 4


@pytest.mark.parametrize(
    ("opening", "headings"),
    [
        ("rem Adds up\nmethod public void m()", ("method public void m(): Adds up",)),
        ("REM Adds up\nrem and more\nmethod public void m()", ("method public void m(): Adds up and more",)),
        ("REM /** Adds\nREM  * up.\nREM  *\nREM */\nmethod public void m()", ("method public void m(): Adds up.",)),
        ("rem /**\nrem * @Override\nrem * {@inheritDoc}\nrem */\nmethod public void m()", ("method public void m()",)),
        ("rem =====\nrem --- Adds up ---\nrem =====\nm:", ("m: Adds up",)),
        ("rem ==\nm: rem --- Adds up\nrem ==", ("m: Adds up",)),
        ("0010 rem Adds up\n0020 m: print 1", ("m: Adds up",)),
        ("def fnm(x); rem Adds up", ("def fnm(x): Adds up",)),
        ("method public void m()\n    rem Adds up\n    rem here\n", ("method public void m(): Adds up here",)),
        ("method public void m()\n    a = 1\n    rem Not of all", ("method public void m()",)),
        ("rem Adds up", ("Adds up",)),
        ("rem first\n\nrem Adds up\nm:", ("m: Adds up",)),
        ("rem Adds\n: up\nm:", ("m: Adds up",)),
        ('m: print "rem x"', ("m",)),
        ("rem\nm:", ("m",)),
    ],
)
def test_the_headings_of_later_parts_repeat_the_leading_comment(opening: str, headings: tuple[str, ...]) -> None:
    text = opening + "\n" + "".join(f"    total = total + item!.getPrice({number})\n" for number in range(40))

    first, *_ = pieces = pieces_of(text)
    later = [piece for piece in pieces[1:] if "total" in piece.body]

    assert len(later) > 3
    assert {piece.headings for piece in later} == {headings}
    assert not any("Adds up" in heading for heading in first.headings)


def test_a_long_leading_comment_is_shortened_where_it_is_repeated() -> None:
    limits = ChunkSettings(target_tokens=100, overlap_tokens=0)
    comment = "".join(f"rem This is line {number} of what there is to know.\n" for number in range(30))

    *_, last = pieces_of(comment + routine("sum", 100), limits)

    (heading,) = last.headings
    assert heading.startswith("method public BBjNumber sum(BBjVector items!): This is line 0 of")
    assert heading.endswith("…")
    repeated = heading.partition("): ")[2]
    assert estimate_tokens(repeated) <= limits.target_tokens / 8 + 2


def test_the_parts_of_one_long_statement_repeat_the_comment_too() -> None:
    text = "rem Adds up\nm:\n" + "print a$,\n" + "".join(f':    "argument number {number}",\n' for number in range(40))

    assert {piece.headings for piece in pieces_of(text)[1:]} == {("m: Adds up",)}


def test_a_long_routine_is_cut_at_its_comments() -> None:
    step = "    rem Step {0}\n" + "    total = total + price({0})\n" * 3
    text = "long:\n" + "\n".join(step.format(number) for number in range(12)) + "    return\n"

    starts = [piece.body.split("\n")[0].strip() for piece in pieces_of(text)]

    assert starts[0] == "long:"
    assert len(starts) > 3
    assert all(start.startswith("rem Step") for start in starts[1:])


def test_a_comment_stays_with_the_declaration_it_documents() -> None:
    doc = "".join(f"rem  * Line {number} of what is to be known\n" for number in range(3))
    text = "".join(f"{doc}field public BBjString Name{number}$\n" for number in range(12))

    for piece in pieces_of(f"class public A\n{text}classend\n"):
        assert not piece.body.split("\n")[-1].startswith("rem")


def test_a_statement_over_the_hard_limit_is_cut_at_its_lines_and_a_line_at_the_limit() -> None:
    lines = ["call program$,", *[f':    "argument number {number}",' for number in range(40)], ":    last$"]

    cut = pieces_of("\n".join(lines))

    assert len(cut) > 3
    assert [line for piece in cut for line in piece.body.split("\n")] == lines
    line = 'print "' + "one,two;" * 500 + '"'
    parts = pieces_of(line)
    assert "".join(part.body for part in parts) == line
    assert max(estimate_tokens(part.body) for part in parts) <= NARROW.hard_limit
    assert min(estimate_tokens(part.body) for part in parts[:-1]) >= NARROW.hard_limit / 2


def test_a_fence_is_longer_than_any_in_the_program() -> None:
    (piece,) = pieces_of('print "````"', ChunkSettings())

    assert piece.content == '`````bbj\nprint "````"\n`````'


def test_code_between_methods_stays_with_its_own_class() -> None:
    text = "".join(f"class public {name}\n{routine('sum', 3)}classend\n" for name in ("A", "B", "C"))

    assert [piece.headings[0] for piece in pieces_of(text)] == ["class A", "class B", "class C"]


# Properties.

LINE = st.sampled_from(
    """class public A
classend
interface public I
interfaceend
method public void m(BBjNumber n)
    methodend
methodend
def fna(x)
def fnb(x)=x
fnend
label:
  inner: print 1
rem a comment
rem
    rem  * more
case 1
print "hello", name$; gosub draw
: , more$
:
  : indented
0010 let x=1

\x20\x20
\t\tif a=b then
print "```"
""".splitlines()
) | st.text(alphabet=' :;abrem()="\t\u00e4\u2028\x0b', max_size=30)
PROGRAM = st.lists(LINE, max_size=60).map("\n".join) | st.text(max_size=300)
LIMITS = st.sampled_from([ChunkSettings(target_tokens=target, overlap_tokens=0) for target in (16, 30, 100, 400)])


@given(PROGRAM, LIMITS)
@settings(max_examples=300)
def test_the_bodies_in_order_are_the_text(text: str, limits: ChunkSettings) -> None:
    position = 0
    for piece in pieces_of(text, limits):
        found = text.find(piece.body, position)
        assert found >= 0
        assert not text[position:found].strip()
        position = found + len(piece.body)
    assert not text[position:].strip()


@given(PROGRAM, LIMITS)
@settings(max_examples=300)
def test_every_piece_is_within_the_hard_limit_and_is_one_fenced_block(text: str, limits: ChunkSettings) -> None:
    for piece in pieces_of(text, limits):
        assert 0 <= estimate_tokens(piece.body) <= limits.hard_limit
        fence = re.match(r"`{3,}", piece.before)
        assert fence is not None
        assert piece.content == f"{fence[0]}bbj\n{piece.body}\n{fence[0]}"
        assert fence[0] not in piece.body
        assert piece.body.strip("\n") == piece.body


@given(PROGRAM, LIMITS)
@settings(max_examples=300)
def test_no_piece_begins_inside_a_statement_that_fits(text: str, limits: ChunkSettings) -> None:
    statements = {(s.start, s.end) for s in scan(text)}
    starts = {start for start, _ in statements}
    position = 0
    for piece in pieces_of(text, limits):
        start = text.index(piece.body, position)
        position = start + len(piece.body)
        if start not in starts:
            within = next((first, last) for first, last in statements if first < start <= last)
            assert estimate_tokens(text[slice(*within)]) > limits.hard_limit


@given(st.text(max_size=200), LIMITS)
def test_the_same_text_always_has_the_same_pieces(text: str, limits: ChunkSettings) -> None:
    assert pieces_of(text, limits) == pieces_of(text, limits)
