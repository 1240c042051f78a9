"""The frame of the tools' pictures: an SVG page with a title and a background. It loads nothing from elsewhere."""

PAD = 16


def page(title, desc, width, height, shapes):
    """The SVG as str. `shapes`: its elements, each a str."""
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc"'
        % (width, height, width, height),
        """     font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="14">""",
        '<title id="title">%s</title>' % title,
        '<desc id="desc">%s</desc>' % desc,
        '<rect width="%d" height="%d" rx="10" fill="#fbfaf7"/>' % (width, height),
        '<text x="%d" y="%d" font-weight="600">%s</text>' % (PAD, PAD + 10, title),
        *shapes,
    ]
    return "\n".join([*out, "</svg>", ""])
