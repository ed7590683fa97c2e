"""Texts that mean something to what reads a URL, a header, a line or a terminal."""

MEGABYTES = 10 * 1024 * 1024

TEXTS = {
    "CR LF and a header": "x\r\nX-Injected: yes",
    "LF": "x\ny",
    "CR": "x\ry",
    "NUL": "x\0y",
    "DEL": "x\x7fy",
    "a whole request": "x HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /admin",
    "..": "..",
    ".": ".",
    "up": "../../admin",
    "up, in the middle": "a/../../admin",
    "up, encoded": "..%2f..%2fadmin",
    "..\\": "..\\..\\admin",
    "%2e%2e": "%2e%2e",
    "%0d%0a": "%0d%0aX-Injected:%20yes",
    "%": "100% %zz",
    "/": "a/b",
    "//host": "//evil.example/x",
    "@host": "@evil.example",
    "?": "?admin=1",
    "#": "x#part",
    ";": "x;admin=1",
    "&": "x&admin=1",
    "+": "a+b",
    "space": "a b",
    "spaces around": "  a  ",
    "quotes": "\"'`<>",
    "unicode": "naïve ☃ 🙂",
    "lone surrogate": "x\ud800y",
    "U+0085": "x\u0085y",
    "U+2028": "x\u2028y\u2029",
    "U+202E": "x\u202ey",
    "leading dot": ".hidden",
    "trailing dot": "trailing.",
    "empty": "",
    "10 MB": "x" * MEGABYTES,
}
# What can be wrong with a value that is sent only in a body.
OF_BODIES = ("CR LF and a header", "NUL", "unicode", "lone surrogate", "U+2028", "empty", "10 MB")
OF_HANDLERS = (
    *OF_BODIES,
    *("up", "up, in the middle", "%2e%2e", "/", "?", "#", "&", "+", "trailing dot"),
)
OF_HANDLERS_BODIES = ("CR LF and a header", "NUL", "lone surrogate", "10 MB")
# For arguments that are not texts, which refuse every text.
OF_NUMBERS = ("CR LF and a header", "up", "empty")
