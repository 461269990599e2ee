"""Bars of requests a second as an SVG, legible on light and on dark ground."""

from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP = 860, 170, 80, 50
BAR, GAP, GROUP = 14, 3, 16
# By the order in which servers are named; each is told apart from its neighbours on either ground.
COLOURS = ("#2f81f7", "#8b949e", "#bf8700", "#1a9c6b", "#c0539b")
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #1f2328; }
    .small { font-size: 11px; fill: #59636e; }
    line { stroke: #59636e; stroke-opacity: 0.3; }
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .small { fill: #9198a1; } }
"""


def of_rates(rates):
    """`rates`: requests a second by operation and server."""
    names = list(dict.fromkeys(name for found in rates.values() for name in found))
    colours = dict(zip(names, COLOURS, strict=False))
    scale = (WIDTH - LEFT - RIGHT) / max(rate for found in rates.values() for rate in found.values())
    marks, y = legend(names, colours), TOP
    for operation, found in rates.items():
        middle = y + len(found) * (BAR + GAP) / 2 + 4
        marks.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{escape(operation)}</text>')
        for name, rate in found.items():
            width = max(1, rate * scale)
            place = f'x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}"'
            marks.append(f'<rect {place} rx="2" fill="{colours[name]}"><title>{escape(name)}</title></rect>')
            marks.append(f'<text class="small" x="{LEFT + width + 6:.1f}" y="{y + BAR - 3}">{rate:,.0f}</text>')
            y += BAR + GAP
        y += GROUP
    marks.append(f'<line x1="{LEFT}" x2="{LEFT}" y1="{TOP - 6}" y2="{y - GROUP + 4}"/>')
    body = "\n  ".join(marks)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img"'
    return f'{head} aria-label="Requests a second">\n  <style>{STYLE}  </style>\n  {body}\n</svg>\n'


def legend(names, colours):
    """What the colours are, above the bars."""
    marks = ['<text x="10" y="20">requests a second</text>']
    x = LEFT
    for name in names:
        marks.append(f'<rect x="{x}" y="10" width="12" height="12" rx="2" fill="{colours[name]}"/>')
        marks.append(f'<text x="{x + 17}" y="20">{escape(name)}</text>')
        x += 34 + 7 * len(name)
    return marks
