# A form with files, multipart/form-data, as an upload.
from .form_reader import FormReader
from .upload import File, Upload


class Form(Upload):
    """A multipart/form-data body: `fields`, a dict of str with the first value of each name, whose `getlist(name)` has all; and its
    `files`, whose `field` is the name of the form's field. `limits` are those of multipart.Parser, the other arguments those of Upload.

    Raises UploadError 415 for another Content-Type and for parts that are encoded, and as Upload; 400 if the form is malformed, 413 or 431
    if it is over a limit.
    """

    def __init__(self, hm, folder, limit=1048576, progress=None, **limits):
        super().__init__(hm, folder, limit, progress)
        self.reader = FormReader(hm.header("Content-Type", ""), self._open_file, **limits)
        self.fields = self.reader.fields

    def store(self, piece):
        """Upload.store"""
        self.reader.feed(piece)

    def _open_file(self, parser):
        file = File(self.folder, parser.filename)
        file.field = parser.name
        self.files.append(file)
        return file

    def finish(self):
        """Upload.finish"""
        self.reader.finish()
        super().finish()
