# Dates in fields (RFC 9110 section 5.6.7).
from time import gmtime


def parse_date(text):
    """The moment of a date as a str, "YYYY" first, so that it compares as time does; "" if the text is not a date of the calendar.

    All three forms: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994"; the last two
    are obsolete. A year of two digits is the latest one that is less than 50 years ahead.
    """
    name, _, rest = text[:40].partition(" ")
    if not name[3:]:  # the third form: rearrange it as the first
        name += ","
        rest = "%s %s%s%s GMT" % (rest[4:6].replace(" ", "0"), rest[:3], rest[15:], rest[6:15])
    month = rest[3:6]
    at = "JanFebMarAprMayJunJulAugSepOctNovDec".find(month)
    shape = rest.replace(month, "M", 1)
    for digit in "123456789":
        shape = shape.replace(digit, "0")
    year = rest[7:-13]
    if name[-4:] + shape == "day,00-M-00 00:00:00 GMT":
        last = gmtime()[0] + 49
        year = str(last - (last - int(year)) % 100)
    elif name[3:] + shape != ",00 M 0000 00:00:00 GMT":
        return ""
    if at % 3 or "MonTueWedThuFriSatSun".find(name[:3]) % 3:
        return ""
    hour, minute, second = [int(number) for number in rest[-12:-4].split(":")]
    n = int(year)
    days = 28 + (n % 4 == 0 and (n % 100 > 0 or n % 400 == 0)) if month == "Feb" else 30 if month in "AprJunSepNov" else 31
    if not 0 < int(rest[:2]) <= days or hour > 23 or minute > 59 or second > 60:  # (a leap second is the 60th)
        return ""
    return "%s%02d%s%s" % (year, at, rest[:2], rest[-12:])
