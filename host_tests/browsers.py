"""Browsers of three makes, each started once for a module: `with Firefox() as browser:`, then `browser.person(k)` is a Person.

A person has cookies, a cache and connections of their own. tools/debian.sh gets the programs.
"""

import contextlib
import gc
import importlib.util
import os
import shutil
import subprocess
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import server

WAIT_S = 60
CHROMIUM = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
)


def home_that_trusts(folder, ca):
    """The environment for a Chromium that trusts the authority in the file `ca`: its home is `folder`, and has a database of NSS.

    LookupError if there is no certutil, which makes it.
    """
    certutil = shutil.which("certutil")
    if not certutil:
        raise LookupError("there is no certutil: tools/debian.sh says how to get it")
    database = folder / ".pki" / "nssdb"
    database.mkdir(parents=True)
    for words in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "the authority of a test", "-i", str(ca)]):
        subprocess.run([certutil, "-d", f"sql:{database}", *words], check=True, stdout=subprocess.DEVNULL)
    return dict(os.environ, HOME=str(folder))


@contextlib.contextmanager
def played():
    """Headless Chromium by playwright: a playwright Browser. While it is open, playwright's event loop is running in this thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM.split())
        yield chromium
        chromium.close()
    gc.collect()  # playwright's greenlets end here: inside a later ast.parse their end would be a SystemError (CPython 3.11)


class Browser(contextlib.ExitStack):
    """A make of browsers: `programs` and the Python package `package` are needed."""

    programs: tuple
    package: str

    def __init__(self):
        super().__init__()
        self.people = []

    def __exit__(self, *what):
        super().__exit__(*what)
        self.people.clear()
        gc.collect()  # Firefox's profile has a __del__. Inside a later ast.parse that would be a SystemError (CPython 3.11)

    @classmethod
    def missing(cls):
        """What is needed and not there."""
        return [name for name in cls.programs if not shutil.which(name)] or ([] if importlib.util.find_spec(cls.package) else [cls.package])

    def person(self, k):
        """The k-th person, counted from 0."""
        while len(self.people) <= k:
            self.people.append(self.new_person())
        return self.people[k]


class Person:
    """`begin(url)` starts to load a page, and `finish()` waits until it is loaded. `evaluate(text)`: the value of an expression there."""

    def __init__(self, driver, load, threads, **options):
        self.driver = driver
        self.open = load  # the driver's method, which waits
        self.threads = threads
        self.options = options  # of execute_script

    def begin(self, url):
        self.loading = self.threads.submit(self.open, url)

    def finish(self):
        self.loading.result()

    def load(self, url):
        self.open(url)

    def evaluate(self, expression):
        return self.driver.execute_script("return " + expression, **self.options)

    def until(self, expression, wanted):
        """Wait until the expression has this value."""
        end = time.monotonic() + WAIT_S
        while (value := self.evaluate(expression)) != wanted:
            assert time.monotonic() < end, value
            time.sleep(0.02)


class Selenium(Browser):
    """A make that Selenium drives: `drive()` starts one and returns its driver."""

    package = "selenium"

    def new_person(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Selenium's own
            driver = self.drive()
        threads = self.enter_context(ThreadPoolExecutor(1))
        self.callback(driver.quit)
        driver.set_page_load_timeout(WAIT_S)
        return Person(driver, driver.get, threads)


class Chromium(Selenium):
    programs = ("chromium", "chromedriver")

    def drive(self):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for word in ("--headless", *CHROMIUM.split()):
            options.add_argument(word)
        return webdriver.Chrome(options, Service(shutil.which("chromedriver"), log_output=subprocess.DEVNULL))


class Firefox(Browser):
    programs = ("firefox-esr",)
    package = "marionette_driver"

    def new_person(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of what it imports
            from marionette_driver.marionette import Marionette

        path = shutil.which("firefox-esr")
        driver = Marionette(bin=path, headless=True, port=server.free_port(), gecko_log=os.devnull, startup_timeout=WAIT_S)
        threads = self.enter_context(ThreadPoolExecutor(1))
        self.callback(driver.cleanup)
        driver.start_session()
        driver.timeout.page_load = WAIT_S
        return Person(driver, driver.navigate, threads, sandbox=None)


class WebKit(Selenium):
    programs = ("WebKitWebDriver", "Xvfb")

    def __enter__(self):
        super().__enter__()
        reading, writing = os.pipe()
        with open(reading) as display:
            command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
            try:
                screen = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
            finally:
                os.close(writing)
            self.callback(screen.wait)
            self.callback(screen.terminate)
            self.display = ":" + display.readline().strip()
        return self

    def drive(self):
        from selenium import webdriver
        from selenium.webdriver.webkitgtk.service import Service

        # (The sandbox and the compositor want more than a container has.)
        # (In the language C, navigator.language is none, and Intl refuses it.)
        more = {"DISPLAY": self.display, "LANG": "en_US.UTF-8"}
        more |= {"WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1", "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}
        service = Service(shutil.which("WebKitWebDriver"), log_output=subprocess.DEVNULL, env=dict(os.environ, **more))
        return webdriver.WebKitGTK(webdriver.WebKitGTKOptions(), service=service)


ALL = (Chromium, Firefox, WebKit)
