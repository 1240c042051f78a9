# A form with files, multipart/form-data, as an upload.
from ..core import utf8
from .header_lists import parameter, without_parameters
from .multipart import Parser
from .upload import File, Upload, UploadError

_PART = const(1)  # events of multipart.py
_DATA = const(2)
_PART_END = const(3)
_LAST = const(4)


class Form(Upload):
    """A multipart/form-data body: `fields`, a dict of str (of fields with the same name the first), and its `files`, whose `field` is the
    name of the form's field. `limits` are those of multipart.Parser."""

    def __init__(self, hm, folder, limit=1048576, progress=None, **limits):
        super().__init__(hm, folder, limit, progress)
        value = hm.header("Content-Type", "")
        boundary = parameter(value, "boundary")
        if without_parameters(value) != "multipart/form-data" or not boundary or len(boundary) > 70:
            raise UploadError(415, "want multipart/form-data")
        self.parser = Parser(boundary, **limits)
        self.fields = {}
        self.file = self.field = None
        self.is_over = False

    def take(self, piece):
        """Upload.take"""
        parser = self.parser
        parser.feed(piece)
        while True:
            ev = parser.parse()
            if ev == _DATA:
                if self.file is not None:
                    self.file.write(parser.view())
                elif self.field is not None:
                    self.field.extend(parser.view())
            elif ev == _PART:
                self._begin(parser)
            elif ev == _PART_END:
                self._end(parser)
            elif ev == _LAST:
                self.is_over = True
            elif not ev:
                return
            else:
                raise UploadError(-ev, "the form is malformed" if ev == -400 else "the form is over a limit")

    def _begin(self, parser):
        if parser.filename is None:
            self.field = bytearray()
        elif parser.filename:  # else no file was chosen
            self.file = File(self.folder, parser.filename)
            self.file.field = parser.name
            self.files.append(self.file)

    def _end(self, parser):
        if self.file is not None:
            self.file.shut()
        elif self.field is not None:
            try:
                self.fields.setdefault(parser.name, utf8.text(self.field))
            except ValueError:
                raise UploadError(400, "field %r: not UTF-8" % parser.name)
        self.file = self.field = None

    def finish(self):
        """Upload.finish"""
        if not self.is_over:
            raise UploadError(400, "the form is cut short")
        super().finish()
