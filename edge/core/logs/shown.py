"""Texts as they may be shown: without secrets, and without characters that act on a terminal."""

import re

LONGEST = 2000

# Bounded repetitions: a text from outside must not cost time that grows with its square.
_QUOTED = re.compile(r"""(['"])([^'"\s]{0,64}://)(?:(?!\1)[^\n]){0,512}@""")
_URL = re.compile(r"(://)\S{0,512}@")
_WITHOUT_SCHEME = re.compile(r"""(?<![\w/*])[\w.%+-]{1,64}:(?!//)[^\s@'"]{1,256}@(?=[\w\[])""")
_NAMED = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase|code)?|secret|token|api[_-]?key|\bpwd?|-pw|auth)"
    r"""(?:\s*=|['"]\s*[:=])\s*)("[^"\n]{0,512}"?|'[^'\n]{0,512}'?|(?!\*\*\*)[^\s&'"][^\s&]{0,512})"""
)


def masked(text: str) -> str:
    """The text with *** in place of what gives access: user and password in a URL, and the value
    after `password=`, `user-pw=`, `token=` and their like. Masking twice changes nothing.
    """
    if "@" in text:
        text = _QUOTED.sub(r"\1\2***@", text)
        text = _URL.sub(r"\1***@", text)
        text = _WITHOUT_SCHEME.sub("***@", text)
    return _NAMED.sub(r"\1***", text)


def printable(text: str, keep: str = "", longest: int = LONGEST) -> str:
    """Text from a file or the network for a terminal or a log: control characters, line breaks and
    lone surrogates become escapes such as \\x1b, but for those in `keep`; of more than `longest`
    characters the middle is left out.
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]} ... {text[-longest // 2 :]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


def shown(text: str, keep: str = "", longest: int = LONGEST) -> str:
    """Masked, then as `printable` has it."""
    return printable(masked(text), keep, longest)


def quoted(value: object, longest: int) -> str:
    """A value as Python writes it, masked before it is cut: half a URL would hide its @."""
    return f"{masked(repr(value)):.{longest}}"
