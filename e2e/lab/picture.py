"""Text pictures: boxes side by side, and tables. Pure: lines in, lines out."""


def box(lines, width):
    """Lines in a frame of a fixed inner width; what is longer is cut."""
    body = [f"│ {line[:width]:<{width}} │" for line in lines]
    return ["┌" + "─" * (width + 2) + "┐", *body, "└" + "─" * (width + 2) + "┘"]


def beside(blocks, gap=2):
    """Blocks of lines next to each other, their tops aligned."""
    height = max(map(len, blocks))
    widths = [max(map(len, block)) for block in blocks]
    rows = []
    for at in range(height):
        cells = [(block[at] if at < len(block) else "").ljust(width) for block, width in zip(blocks, widths)]
        rows.append((" " * gap).join(cells).rstrip())
    return rows


def centred(text, width):
    """Text in the middle of a width, padded to it."""
    return text.center(width)


def table(header, rows):
    """A table with the first column flush left and the others flush right."""
    cells = [list(map(str, row)) for row in [header, *rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    out = []
    for row in cells:
        first, rest = row[0].ljust(widths[0]), [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        out.append("  ".join([first, *rest]).rstrip())
    return [out[0], "─" * max(map(len, out)), *out[1:]]
