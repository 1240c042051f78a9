# What main.py does on a host.
import gc
import sys


def run():
    """Run the app. If a setting is wrong, print one sentence that says what is allowed, and exit with status 1."""
    try:
        import settings
    except ValueError as er:
        text = str(er)
        if text[:4] == "APP:":
            import wrong

            text += "; there are " + ", ".join(wrong.apps())
        fail(text)
    try:
        app = __import__("apps." + settings.APP, None, None, ("main",))
        gc.collect()
        app.main()
    except Exception as er:
        import wrong

        text = wrong.text(er)
        if text is None:
            raise
        fail(text)


def fail(text):
    """End the process with status 1 and this text on stderr."""
    print(text, file=sys.stderr)
    sys.exit(1)
