"""Write the PDFs of the sample data, so that a change of their text shows in a diff and not in a binary.

Real manuals have features that make the text of a PDF hard to read back: an outline several levels deep, a header
and a footer on every page, words divided at the end of a line. These have them too. fpdf2 is not a dependency of
the project; install it to run this:

    python -m venv /tmp/fpdf && /tmp/fpdf/bin/pip install fpdf2
    /tmp/fpdf/bin/python sample_data/pdf/make_guide.py
"""

import textwrap
from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF

HERE = Path(__file__).parent
A5 = (148.0, 210.0)  # millimetres
WRITTEN = datetime(2024, 6, 1, tzinfo=UTC)  # fixed, so that the same text makes the same bytes
SOFT_HYPHEN = "\u00ad"

# A heading for each entry of the outline, paragraphs, indented code; a word may be divided at its tildes.
GUIDE = """\
# Installation

BBj runs on Java. The server part, BBj~Services, keeps files open, runs pro~grams for browser
clients and looks after li~censes. The inter~preter runs a program and shows its windows.

## Before you begin

You need a Java run~time of a sup~ported ver~sion, an account that may write to the instal~lation
folder, and a li~cense file or a trial registra~tion. Plan one folder for pro~grams and an~other one
for data: they are backed up at dif~fer~ent times.

## Folders of an installation

The folder bin has the start scripts: bbj runs a program, bbjcpl checks one, bbjlst turns a
token~ized program into text. The folder cfg has config.bbx and the prop~erties of the server. The
folder doc~umenta~tion has the Java~doc as JSON, which editors and search indexes read.

### The configuration file

config.bbx is read once, when an inter~preter starts. PREFIX lists the fold~ers in which pro~grams and
data files are looked up. ALIAS names de~vices: X0 for the win~dow system, LP for a print~er. SET
defines global strings, which pro~grams read with STBL.

### Environment variables

BBCONFIG names another con~figu~ration file. It wins over the file in the current folder, and the
option -c on the com~mand line wins over both. A pro~gram reads the environ~ment with ENV.

# Programs

A program is text, or the token~ized form of it. Keep text: it can be searched, com~pared and
merged. The usual ending is bbj; older pro~grams end with src, or with nothing at all.

## Running a program

Type bbj and the name of the program. Every~thing after a single minus sign is given to the program,
which counts its argu~ments with ARGC and reads them with ARGV. A browser client starts a program by
the name under which it is regis~tered as an ap~pli~ca~tion.

## Finding errors

START, RUN and the dot com~mand step through a pro~gram at the console. SETTRACE writes each
state~ment to a channel before it is exe~cuted. ERRMES(-1) has the text of the last error, TCB(5)
the line in which it hap~pened.

### Error traps

SETERR names a label that every error without a branch of its own goes to. The trap should note what
hap~pened, tell the user in words, and leave the pro~gram in a state from which it can be used again.

#### A trap to copy

The trap below writes one line to a log file and returns to the menu. It switches it~self off first,
because an error in an error trap would call it for ever.

    trap:
        seterr 0
        log = unt
        open (log, err=menu)"errors.log"
        write (log, end=menu)date(0), " ", err, " ", tcb(5)
        close (log)
        goto menu

# Files

A keyed file finds a rec~ord by its key, in a time that hardly grows with the file. MKEYED makes one
whose keys are given at every write, or are cut from the rec~ord; XKEYED is the larger and safer
format.

## Backing up open files

Copying a file that pro~grams write to gives a copy that is broken in a quiet way. Use the online
copy of the server, or lock the files for the minute that it takes.
"""

ARTICLE = """\
# Keyed files in one page

A key is a part of the record, or of several fields of it. Put the field that you search by most
often first. A second key costs time at each write and saves it at each search.
"""


class Manual(FPDF):
    """Pages with a running header and footer, which the parser must remove."""

    def __init__(self, title: str) -> None:
        super().__init__(format=A5)
        self.set_title(title)
        self.running_title = title
        self.set_creation_date(WRITTEN)
        self.set_margin(26)
        self.set_auto_page_break(auto=True, margin=22)

    def header(self) -> None:
        """Write the title of the book, over a line."""
        self.set_font("helvetica", "I", 8)
        self.cell(0, 6, self.running_title, border="B", align="R", new_x="LMARGIN", new_y="NEXT")
        self.ln(4)

    def footer(self) -> None:
        """Write the publisher and the page number."""
        self.set_y(-15)
        self.set_font("helvetica", "I", 8)
        self.cell(0, 6, f"BBj Assets sample data   |   Page {self.page_no()}", align="C")

    def write_heading(self, heading: str) -> None:
        """Write a heading with its entry in the outline; a chapter starts a page."""
        marks, _, text = heading.partition(" ")
        depth = len(marks) - 1
        if depth == 0:
            self.add_page()
        self.start_section(text, level=depth)
        self.set_font("helvetica", "B", 16 - 2 * depth)
        self.multi_cell(0, 9, text, align="L", new_x="LMARGIN", new_y="NEXT")

    def write_code(self, code: str) -> None:
        """Write code, which keeps its line breaks."""
        self.set_font("courier", size=8)
        self.multi_cell(0, 4, textwrap.dedent(code), align="L", new_x="LMARGIN", new_y="NEXT")
        self.ln(3)

    def write_paragraph(self, text: str) -> None:
        """Write a filled paragraph; words may be divided at a tilde."""
        self.set_font("times", size=11)
        filled = " ".join(text.split()).replace("~", SOFT_HYPHEN)
        self.multi_cell(0, 5.5, filled, new_x="LMARGIN", new_y="NEXT")
        self.ln(3)


def write_book(file: Path, title: str, text: str) -> None:
    """Write the text as a PDF."""
    book = Manual(title)
    for block in text.strip("\n").split("\n\n"):
        if block.startswith("#"):
            book.write_heading(block)
        elif block.startswith("    "):
            book.write_code(block)
        else:
            book.write_paragraph(block)
    book.output(str(file))


if __name__ == "__main__":
    articles = HERE.parent / "web/wordpress-advantage/articles"
    write_book(HERE / "bbj-starter-guide.pdf", "A Starter Guide to BBj", GUIDE)
    write_book(articles / "keyed-files.pdf", "Keyed files in one page", ARTICLE)
