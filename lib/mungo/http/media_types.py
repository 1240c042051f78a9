# Content-Types by the extension of a file's name.
_TYPES = const(  # extension:subtype, unless they are the same; the first one stands for all others
    " application/ bin:octet-stream json: map:json webmanifest:manifest+json wasm: pdf: xml: zip: gz:gzip tgz:gzip tar:x-tar "
    "text/ html: htm:html css: js:javascript mjs:javascript csv: txt:plain log:plain md:markdown vtt: "
    "image/ svg:svg+xml png: jpg:jpeg jpeg: gif: webp: avif: bmp: ico:x-icon font/ woff: woff2: ttf: otf: "
    "audio/ mp3:mpeg wav: ogg: oga:ogg opus:ogg m4a:mp4 aac: flac: weba:webm video/ mp4: m4v:mp4 webm: ogv:ogg mov:quicktime "
)


def media_type(extension):
    """The Content-Type for a file's extension, in lower case."""
    at = max(_TYPES.find(" %s:" % extension), 13)
    major = _TYPES[:at].split("/")[-2].split(" ")[-1]
    minor = _TYPES[at : at + 30].split(" ")[1].split(":")[1] or extension
    return "%s/%s%s" % (major, minor, "; charset=utf-8" if major == "text" else "")
