# The fields and files of a multipart/form-data body. formdata.Form has its files written to a folder as they come; `read` has all of a
# body that was collected, in memory.
from ..core import utf8
from ..port import Limits
from .file_name import safe_name
from .form import Fields
from .header_lists import parameter, without_parameters
from .multipart import Parser
from .status_error import UploadError

_PART = const(1)  # events of multipart.py
_DATA = const(2)
_PART_END = const(3)
_END = const(4)

_SLICE = const(512)  # bytes that the parser gets at once
_PARTS = const(256)  # of a form in memory

# Bytes of all fields together, by default: what a host collects of a body, and half of what a board does.
FIELD_LIMIT = Limits.body_limit if Limits.body_limit >= 65536 else Limits.body_limit // 2

_WRONG = {400: "the form is malformed", 415: "a part in base64 or quoted-printable: want it as it is"}


class FormReader:
    """Takes a body of this Content-Type apart: `fields`, a Fields. `open_file(parser)` returns what gets a file's pieces by `write`, until
    `close_file`. `limits` are those of multipart.Parser. Raises UploadError 415 for another Content-Type.
    """

    def __init__(self, content_type, open_file, field_limit=FIELD_LIMIT, **limits):
        boundary = parameter(content_type, "boundary")
        if without_parameters(content_type) != "multipart/form-data" or not boundary or len(boundary) > 70:
            raise UploadError(415, "want multipart/form-data")
        self.open_file = open_file
        self.parser = Parser(boundary, field_limit=field_limit, **limits)
        self.fields = Fields()
        self.file = None  # of the part that is coming
        self.value = None  # or its value, a bytearray, if it is no file
        self.is_over = False

    def feed(self, piece):
        """Some of the body has come, bytes-like. Raises UploadError: 400 if it is malformed, 413 or 431 if it is over a limit, 415 for a
        part that is encoded; and what `open_file` and `write` raise."""
        parser = self.parser
        parser.feed(piece)
        while True:
            ev = parser.parse()
            if ev == _DATA:
                if self.file is not None:
                    self.file.write(parser.view())
                elif self.value is not None:
                    self.value.extend(parser.view())
            elif ev == _PART:
                if parser.filename is None:
                    self.value = bytearray()
                elif parser.filename:  # else no file was chosen
                    self.file = self.open_file(parser)
            elif ev == _PART_END:
                self._end_part(parser)
            elif ev == _END:
                self.is_over = True
            elif not ev:
                return
            else:
                raise UploadError(-ev, _WRONG.get(-ev, "the form is over a limit"))

    def _end_part(self, parser):
        if self.file is not None:
            self.file.close_file()
        elif self.value is not None:
            try:
                self.fields.add(parser.name, utf8.text(self.value))
            except ValueError:
                raise UploadError(400, "field %r: not UTF-8" % parser.name)
        self.file = self.value = None

    def finish(self):
        """All of the body has come. Raises UploadError 400 if that is not all of the form."""
        if not self.is_over:
            raise UploadError(400, "the form is cut short")


class FormFile:
    """A file of a form, in memory: `field` is the name of the form's field, `filename` what the client calls the file, `type` its
    Content-Type or None, `data` its content, a bytearray."""

    def __init__(self, parser):
        self.field = parser.name
        self.filename = parser.filename
        self.type = parser.type
        self.data = bytearray()

    @property
    def name(self):
        """A name that the file can have in any folder, see `file_name.safe_name`. Raises UploadError 400 if nothing of it is left."""
        return safe_name(self.filename)

    @property
    def size(self):
        """In bytes."""
        return len(self.data)

    def write(self, piece):
        """Some of the file has come."""
        self.data.extend(piece)

    def close_file(self):
        """All of it has come."""


def read(body, content_type):
    """(fields, files) of a multipart/form-data body, bytes: both are Fields, one of str and one of FormFile. Raises UploadError as
    FormReader. Any thread."""
    files = Fields()

    def open_file(parser):
        file = FormFile(parser)
        files.add(parser.name, file)
        return file

    reader = FormReader(content_type, open_file, len(body), parts=_PARTS)
    for at in range(0, len(body), _SLICE):
        reader.feed(memoryview(body)[at : at + _SLICE])
    reader.finish()
    return reader.fields, files
