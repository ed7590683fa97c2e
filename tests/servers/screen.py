"""What a terminal shows in the end: the few controls that bars of progress use, carried out."""

import re

_PART = re.compile(r"\x1b\[\??([0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


def lines(written):
    """Return the lines on a screen that this was written to, without those that are empty.

    Args:
        written: All of it, a program's colours included.
    """
    screen, row, column = [""], 0, 0
    for count, control, line_end, text in _PART.findall(written):
        if control == "A":
            row = max(0, row - int(count or 1))
        elif control == "K":
            screen[row] = "" if count == "2" else screen[row][:column]
        elif line_end == "\r":
            column = 0
        elif line_end == "\n":
            row += 1
            screen += [""] * (row + 1 - len(screen))
        elif text:
            line = screen[row].ljust(column)
            screen[row] = line[:column] + text + line[column + len(text) :]
            column += len(text)
    return [line.rstrip() for line in screen if line.strip()]
