# What a dashboard shows of the device: its LED, and updates; on a board also its temperature, its Wi-Fi, its clock, the crash log, and a
# restart. The first password may have been set in the portal.
import settings

_TRY_MS = const(45000)  # a new network has so long, then the old one counts again
_BEGIN = const(1704067200)  # 2024: no clock is set to a time before

# For the portal's form.
PORTAL_FIELD = const(b"""<label>Password for the device's page, if it has none yet
<input class="wide" name="admin" type="password" minlength="8" maxlength="64" autocomplete="new-password"></label>
""")


def add(dash):
    """Add it to `dash`, on the first page and on the page "Device"."""
    dash.updates()
    if not settings.IS_BOARD:
        dash.switch("Lamp")  # simulated: it is on as long as it is on
        return
    import limits

    first_password(dash)
    dash.switch("Lamp", set=lamp(limits), level="operate")
    read = thermometer()
    if read is not None:
        dash.metric("Temperature", unit="\u00b0C", digits=1, every_ms=5000, history=120)(read)
    dash.page("Device")
    add_wifi(dash)
    add_clock(dash)
    add_crashes(dash)
    dash.action("Restart", confirm="Restart the device?", level="admin")(restart(dash))
    dash.page("")


def lamp(limits):
    """A function that switches the board's LED."""
    from machine import Pin

    pin = Pin(limits.LED, Pin.OUT)  # pyright: ignore
    if limits.NEOPIXEL:
        from machine import bitstream  # pyright: ignore

        return lambda value: bitstream(pin, 0, (400, 850, 800, 450), bytes([20 * value] * 3))
    return lambda value: pin.value(limits.LED_ON == value)


def thermometer():
    """A function that reads the chip's temperature; None if this port has none."""
    import sys

    if sys.platform == "rp2":
        from machine import ADC

        adc = ADC(ADC.CORE_TEMP)
        return lambda: 27 - (adc.read_u16() * 3.3 / 65535 - 0.706) / 0.001721  # RP2040 datasheet section 4.9.5
    if sys.platform == "esp32":
        import esp32

        if hasattr(esp32, "mcu_temperature"):
            return lambda: float(esp32.mcu_temperature())
        return lambda: (esp32.raw_temperature() - 32) / 1.8
    return None


def first_password(dash):
    """What was given in the portal is from here on the password of the user "admin", if there are no users yet. No file keeps it."""
    import config

    password = config.get("ADMIN_PASSWORD")
    if password:
        if dash.is_open:
            dash.load_users()
            dash.users.begin_with("admin", password)
        config.save({"ADMIN_PASSWORD": ""})
        config.read()  # it keeps these settings as the last valid ones, too


# --- Wi-Fi


def add_wifi(dash):
    """The network, its signal, and a way to another one."""
    import network

    import keeper

    station = keeper.current.station
    dash.group("Wi-Fi")
    dash.metric("Network")(lambda: station.ssid if station.is_connected else "%s: not connected" % station.ssid)
    dash.metric("Address", every_ms=5000)(lambda: station.wlan.ifconfig()[0])
    signal = dash.metric("Signal", unit="dBm", every_ms=5000, history=120)
    signal(lambda: network.WLAN(network.STA_IF).status("rssi"))
    fields = [dash.field("ssid", "", label="Network", length=32), dash.field("password", "", kind="password")]

    @dash.action("Join a network", level="admin", fields=fields, confirm=True)
    def join(job):
        move = Move(dash.mgr, station, job.values["ssid"], job.values["password"])
        return "The device tries %s. If that fails, it comes back to %s." % (move.new[0], move.old[0])

    dash.group("")


class Move:
    """The station goes to another network. If that works, the settings name it from then on; else the station comes back."""

    def __init__(self, mgr, station, ssid, password):
        import config

        with config.Schema() as schema:  # ValueError, before anything changes
            schema.check("WIFI_SSID", ssid)
            schema.check("WIFI_PASSWORD", password)
        if not ssid:
            raise ValueError("which network?")
        self.station = station
        self.old = station.ssid, station.password
        self.left = _TRY_MS
        # (Later: the answer is to reach the page before.)
        self.timer = mgr.timer(1000, self.tick, None, repeat=True)
        self.new = ssid, password
        self.is_begun = False

    def tick(self, _):
        """Once a second; the keeper looks at the station as often."""
        import config

        self.left -= 1000
        if not self.is_begun:
            self.is_begun = True
            self.station.move(*self.new)
        elif self.station.is_connected and self.station.ssid == self.new[0]:
            self.timer.cancel()
            config.save({"WIFI_SSID": self.new[0], "WIFI_PASSWORD": self.new[1]})
        elif self.left <= 0:
            self.timer.cancel()
            self.station.move(*self.old)


# --- the clock


def add_clock(dash):
    """Add the time servers, and an action that sets the clock, for networks without such servers."""
    import config
    from mungo.rtc import set_rtc

    dash.group("Time")

    @dash.action("Set the time", level="admin", fields=[dash.field("time", _BEGIN, kind="time", min=_BEGIN)])
    def set_time(job):
        set_rtc(job.values["time"] * 1000000)
        return "The clock is set."

    @dash.action("Time servers", level="admin", fields=[dash.field("hosts", config.get("NTP_HOST"), label="Hosts", length=80)])
    def servers(job):
        config.save({"NTP_HOST": job.values["hosts"]})
        return "They are asked from the next start on."

    dash.group("")


# --- crashes, restart


def add_crashes(dash):
    """The crash log as a table."""
    import crash

    def rows(at, n):
        lines = crash.text().split("\n")[:-1]
        return [[line] for line in lines[at : at + n]], len(lines)

    dash.table("Crashes", ["Crash log"], rows)


def restart(dash):
    """The function of the action: a second later the board is reset."""
    import machine

    def run(job):
        dash.mgr.timer(1000, lambda _: machine.reset())  # pyright: ignore
        return "restarting"

    return run
