# A form with files, multipart/form-data, as an upload.
from ..core import utf8
from .header_lists import parameter, without_parameters
from .multipart import Parser
from .upload import File, Upload, UploadError

_PART = const(1)  # events of multipart.py
_DATA = const(2)
_PART_END = const(3)
_END = const(4)


class Form(Upload):
    """A multipart/form-data body: `fields`, a dict of str (of fields with the same name the first), and its `files`, whose `field` is the
    name of the form's field. `limits` are those of multipart.Parser, the other arguments those of Upload. Raises UploadError 415 for
    another Content-Type, and as Upload; 400 if the form is malformed, 413 or 431 if it is over a limit."""

    def __init__(self, hm, folder, limit=1048576, progress=None, **limits):
        super().__init__(hm, folder, limit, progress)
        value = hm.header("Content-Type", "")
        boundary = parameter(value, "boundary")
        if without_parameters(value) != "multipart/form-data" or not boundary or len(boundary) > 70:
            raise UploadError(415, "want multipart/form-data")
        self.parser = Parser(boundary, **limits)
        self.fields = {}
        self.file = None  # the File of the part that is coming
        self.value = None  # or its value, a bytearray, if it is no file
        self.is_over = False

    def store(self, piece):
        """Upload.store"""
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
                self._begin_part(parser)
            elif ev == _PART_END:
                self._end_part(parser)
            elif ev == _END:
                self.is_over = True
            elif not ev:
                return
            else:
                raise UploadError(-ev, "the form is malformed" if ev == -400 else "the form is over a limit")

    def _begin_part(self, parser):
        if parser.filename is None:
            self.value = bytearray()
        elif parser.filename:  # else no file was chosen
            self.file = File(self.folder, parser.filename)
            self.file.field = parser.name
            self.files.append(self.file)

    def _end_part(self, parser):
        if self.file is not None:
            self.file.close_file()
        elif self.value is not None:
            try:
                self.fields.setdefault(parser.name, utf8.text(self.value))
            except ValueError:
                raise UploadError(400, "field %r: not UTF-8" % parser.name)
        self.file = self.value = None

    def finish(self):
        """Upload.finish"""
        if not self.is_over:
            raise UploadError(400, "the form is cut short")
        super().finish()
