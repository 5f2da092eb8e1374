"""Patterns that find and read the places of a text where MDX differs from Markdown."""

import re

from bbj_assets.sources.mdx import fences

# Every alternative begins with one plain character. Only then does `re` look for these characters before it tries
# anything else, which is four times as fast on prose. No fence begins with a letter, but most lines do.
PLACE = re.compile(
    r"`(?<!``)(?!`)[^`\n]+`(?!`)"
    r"|`(?P<ticks>`*)"
    r"|\\[!-/:-@\[-`{-~]"
    r"|<(?P<tag>(?=[A-Za-z_$/>!]))"
    r"|\{(?P<braces>)"
    r"|!(?P<image>\[)"
    r"|&(?P<entity>(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
    rf"|\n(?![\nA-Za-z])(?:(?P<fence>(?={fences.OPENING}))|(?P<colons>(?=[ \t>]*:::)))"
    r"|\n(?P<module>(?=(?:import|export)\b))"
)

ADMONITION = re.compile(r"(?P<prefix>[ \t>]*):{3,}[ \t]*(?P<type>[A-Za-z][\w-]*)?[ \t]*(?P<rest>[^\n]*)")
AFTER_TITLE = re.compile(r"(?<=\])[ \t]*\{[^{}]*\}\Z|\{[#.][^{}]*\}\Z|:{3,}\Z|\A\{[^{}]*\}\Z")
HEADING_ID = re.compile(r"\{#[^{}\n]*\}")
IMAGE = re.compile(
    r"!\[(?P<alt>(?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)\]"
    r"(?:\(\s*(?:<[^<>\n]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?\s*\)"
    r"|\[[^\[\]]*\])",
    re.DOTALL,
)
