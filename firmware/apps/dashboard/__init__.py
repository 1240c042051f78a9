"""The device's own page: values, switches, settings and actions, on all open pages at once. See docs/dash.md.

    curl -X PUT -H 'Content-Type: application/json' -d '{"value": true}' localhost:8000/api/values/lamp

On a board it shows that, its LED and its Wi-Fi. On a host the sensors are simulated; one takes DELAY_MS, and the page stays live.
"""

import time

import mungo
import panel
import settings
from mungo.dash import Dash

app = mungo.App(workers=settings.WORKERS)
dash = Dash("mungo", app, folder=settings.FOLDER + "-dash")
log = dash.log()
threshold = dash.setting("threshold", 40, label="Water below", unit="%", min=0, max=100, slider=True)


@dash.metric("Soil", kind="gauge", unit="%", min=0, max=100, every_ms=5000, worker=True, history=120)
def soil():
    time.sleep_ms(settings.DELAY_MS)  # a slow sensor
    return 30 + time.ticks_diff(time.ticks_ms(), 0) // 1000 % 40


@dash.action("Water now", confirm=True, worker=True, cancel=True)
def water(job):
    for percent in range(0, 100, 5):
        job.progress(percent)
        time.sleep_ms(settings.DELAY_MS // 8)
    log.add("Watered; the soil has %s %%, the threshold is %d %%." % (soil.value, threshold.value))
    return "done"


def main():
    panel.add(dash)
    dash.files(settings.FOLDER)
    dash.system()
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
