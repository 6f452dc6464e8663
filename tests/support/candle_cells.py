"""The same candles with odd cells: dates, clocks, numbers, quotes, ends of lines and heads as files in the wild have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.support.candle_files import Bar
from tests.support.candle_shapes import HEAD, NAIVE, NEW_YORK, UP, Shape, at, comma, csv, iso, lines, num, prices
from tests.support.candle_vendors import rows, windows

DMY = {"tz": "UTC", "date_order": "dmy"}
MDY = {"tz": "UTC", "date_order": "mdy"}
SEMI = "Date;Open;High;Low;Close;Volume"


def words(form: str, names: dict[str, str], *, head: str = SEMI) -> Shape:
    """Daily candles with the names of months in another language."""

    def write(bars: Sequence[Bar]) -> bytes:
        text = csv(head, form, ";")(bars).decode()
        for english, other in names.items():
            text = text.replace(english, other)
        return text.encode()

    return Shape(write, daily=True)


def big(
    form: Callable[[float], str], volume: Callable[[float], str] | None = None, *, head: str = SEMI, by: str = ";"
) -> Shape:
    """Daily candles a hundred times as high, written by `form`."""
    whole = volume or (lambda v: f"{v:.0f}")
    return Shape(rows(head, lambda b: [at(b, "%Y-%m-%d"), *(form(v * 100) for v in prices(b)), whole(b[5])], by),
                 daily=True, given={"times": 100})  # fmt: skip


def volumes(form: Callable[[float], str], head: str = SEMI) -> Shape:
    return Shape(rows(head, lambda b: [at(b, "%Y-%m-%d"), *map(num, prices(b)), form(b[5])], ";"), daily=True)


def grouped(value: float, sign: str, point: str = ".", places: int = 2) -> str:
    return f"{value:,.{places}f}".replace(",", "_").replace(".", point).replace("_", sign)


def lakhs(value: float) -> str:
    whole, rest = f"{value * 100:.2f}".split(".")
    head, tail = whole[:-3], whole[-3:]
    parts: list[str] = []
    while head:
        head, part = head[:-2], head[-2:]
        parts.insert(0, part)
    return ",".join([*parts, tail]) + "." + rest


def stamps(form: str, given: dict[str, str] | None = None, **more: object) -> Shape:
    zone = more.get("zone")
    return Shape(csv(HEAD.replace(",", ";"), form, ";", zone=zone or ZoneInfo("UTC")), given=dict(given or {}))


def spans(bars: Sequence[Bar]) -> bytes:

    def end(b: Bar) -> str:
        return at((b[0] + 300, *b[1:]), "%d.%m.%Y %H:%M")

    return lines(
        [[f"{at(b, '%d.%m.%Y %H:%M')} - {end(b)}", *prices(b), b[5]] for b in bars],
        ";",
        "MTU;Open;High;Low;Close;Volume",
    )


def clock_spans(bars: Sequence[Bar]) -> bytes:

    def end(b: Bar) -> str:
        return at((b[0] + 300, *b[1:]), "%H:%M")

    return lines([[at(b, "%Y-%m-%d"), f"{at(b, '%H:%M')}-{end(b)}", *prices(b), b[5]] for b in bars], ";",
                 "Date;Period;Open;High;Low;Close;Volume")  # fmt: skip


def javascript(bars: Sequence[Bar]) -> bytes:
    return lines([[at(b, "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)"), *prices(b), b[5]] for b in bars], ";",
                 HEAD.replace(",", ";"))  # fmt: skip


def midnight_as_24(bars: Sequence[Bar]) -> bytes:
    def stamp(b: Bar) -> str:
        moment = datetime.fromtimestamp(b[0], ZoneInfo("UTC"))
        if moment.hour or moment.minute:
            return moment.strftime("%Y-%m-%d %H:%M")
        return (moment - timedelta(days=1)).strftime("%Y-%m-%d 24:00")

    return lines([[stamp(b), *prices(b), b[5]] for b in bars], ",", HEAD)


def mixed_ends(bars: Sequence[Bar]) -> bytes:
    text = csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars).split(b"\n")
    return b"".join(line + (b"\r\n" if i % 3 else b"\n") for i, line in enumerate(text) if line)


def with_rows(extra: dict[int, str], form: str = "%Y-%m-%d", head: str = UP) -> Callable[[Sequence[Bar]], bytes]:
    """Daily candles with lines put in at some places."""

    def write(bars: Sequence[Bar]) -> bytes:
        text = csv(head, form)(bars).decode().splitlines()
        for place in sorted(extra, reverse=True):
            text.insert(place if place >= 0 else len(text) + 1 + place, extra[place])
        return ("\n".join(text) + "\n").encode()

    return write


FRENCH = {"January": "janvier", "February": "février", "March": "mars", "April": "avril"}
SPANISH = {"January": "enero", "February": "febrero", "March": "marzo", "April": "abril"}
RUSSIAN = {"January": "января", "February": "февраля", "March": "марта", "April": "апреля"}
ITALIAN = {"Jan": "gen", "Feb": "feb", "Mar": "mar", "Apr": "apr"}


def investing_in(head: str, day: str, *, point: bool = False) -> Shape:
    """As investing.com writes it in another language, newest first."""

    def number(value: float, places: int = 2) -> str:
        return f"{value:.{places}f}" if point else comma(value, places)

    return Shape(rows(head, lambda b: [
        f'"{at(b, day)}"', *(f'"{number(v)}"' for v in (b[4], b[1], b[2], b[3])), f'"{number(b[5] / 1000, 3)}K"', '"0%"'],
        back=True), daily=True)  # fmt: skip


POINTS = "%d.%m.%Y"
INVESTING: dict[str, Shape] = {
    "spanish": investing_in('"Fecha","Último","Apertura","Máximo","Mínimo","Vol.","% var."', POINTS),
    "french": investing_in('"Date","Dernier","Ouv."," Plus Haut","Plus Bas","Vol.","Variation %"', "%d/%m/%Y"),
    "italian": investing_in('"Data","Ultimo","Apertura","Massimo","Minimo","Vol.","Var. %"', POINTS),
    "portuguese": investing_in('"Data","Último","Abertura","Máxima","Mínima","Vol.","Var%"', POINTS),
    "russian": investing_in('"Дата","Цена","Откр.","Макс.","Мин.","Объём","Изм. %"', POINTS),
    "turkish": investing_in('"Tarih","Şimdi","Açılış","Yüksek","Düşük","Hac.","Fark %"', POINTS),
    "polish": investing_in('"Data","Ostatnio","Otwarcie","Max.","Min.","Wol.","Zmiana%"', POINTS),
    "dutch": investing_in('"Datum","Laatst","Open","Hoog","Laag","Vol.","Var. %"', "%d-%m-%Y"),
    "swedish": investing_in('"Datum","Senaste","Öppen","Högst","Lägst","Vol.","+/- %"', POINTS),
    "japanese": investing_in('"日付け","終値","始値","高値","安値","出来高","変化率 %"', "%Y-%m-%d", point=True),
    "chinese": investing_in('"日期","收盘","开盘","高","低","交易量","涨跌幅"', "%Y-%m-%d", point=True),
    "korean": investing_in('"날짜","종가","시가","고가","저가","거래량","변동 %"', "%Y-%m-%d", point=True),
}  # fmt: skip

CELLS: dict[str, Shape] = {
    "javascript's dates": Shape(javascript),
    "ctime": stamps("%a %b %d %H:%M:%S %Y", NAIVE),
    "weekday, month, day, year": Shape(csv(SEMI, "%A, %B %d, %Y", ";"), daily=True),
    "basic iso 8601": stamps("%Y%m%dT%H%M%SZ"),
    "basic iso without zone": stamps("%Y%m%dT%H%M%S", NAIVE),
    "iso without seconds": stamps("%Y-%m-%dT%H:%MZ"),
    "iso, seven digits of a second": stamps("%Y-%m-%dT%H:%M:%S.0000000Z"),
    "iso, offset without colon": stamps("%Y-%m-%d %H:%M:%S-0500", zone=ZoneInfo("Etc/GMT+5")),
    "iso, offset of hours": stamps("%Y-%m-%d %H:%M:%S-05", zone=ZoneInfo("Etc/GMT+5")),
    "iso, zone by name": stamps("%Y-%m-%d %H:%M:%S America/New_York", zone=NEW_YORK),
    "american clock with a zone": stamps("%m/%d/%Y %I:%M %p EST", {"date_order": "mdy"}, zone=ZoneInfo("Etc/GMT+5")),
    "slashes, year first": stamps("%Y/%m/%d %H:%M", NAIVE),
    "points, year first": stamps("%Y.%m.%d %H:%M:%S", NAIVE),
    "no zeros before numbers": stamps("%-d.%-m.%Y %-H:%M", DMY),
    "milliseconds behind a colon": stamps("%Y%m%d %H:%M:%S:000", NAIVE),
    "day, short month, short year": stamps("%d-%b-%y %H:%M:%S", NAIVE),
    "day, month, comma, clock": stamps("%d %b %Y, %H:%M", NAIVE),
    "capitals": Shape(lambda bars: csv(HEAD.replace(",", ";"), "%d-%b-%Y %H:%M:%S", ";")(bars).upper(), given=NAIVE),
    "hungarian dates": Shape(csv(SEMI, "%Y. %m. %d.", ";"), daily=True),
    "japanese dates": Shape(csv("日付;始値;高値;安値;終値;出来高", "%Y年%-m月%-d日", ";"), daily=True),
    "short german years": Shape(csv("Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", "%d.%m.%y", ";"), daily=True),
    "french months": words("%d %B %Y", FRENCH),
    "spanish months": words("%d de %B de %Y", SPANISH),
    "russian months": words("%d %B %Y", RUSSIAN),
    "italian months": words("%d %b %Y", ITALIAN),
    "clock before the date": Shape(rows("Time,Date,Open,High,Low,Close,Volume", lambda b: [
        at(b, "%H:%M"), at(b, "%Y-%m-%d"), *prices(b), b[5]]), given=NAIVE),
    "date and clock far apart": Shape(rows("Date,Open,High,Low,Close,Volume,Hour", lambda b: [
        at(b, "%Y-%m-%d"), *prices(b), b[5], at(b, "%H:%M:%S")]), given=NAIVE),
    "date and clock without heads": Shape(rows("", lambda b: [at(b, "%d/%m/%Y"), at(b, "%H:%M:%S"), *prices(b), int(b[5])], ";"),
                                          given=DMY),
    "date and clock under letters": Shape(rows("A,B,C,D,E,F,G", lambda b: [
        at(b, "%Y-%m-%d"), at(b, "%H:%M:%S"), *prices(b), int(b[5])]), given=NAIVE),
    "year, month and day in columns": Shape(rows("Year,Month,Day,Open,High,Low,Close,Volume", lambda b: [
        *at(b, "%Y,%m,%d").split(","), *b[1:]]), daily=True),
    "year to minute in columns": Shape(rows("year,month,day,hour,minute,open,high,low,close,volume", lambda b: [
        *at(b, "%Y,%-m,%-d,%-H,%-M").split(","), *b[1:]]), given=NAIVE),
    "spans of time": Shape(spans, given=DMY),
    "spans of the clock": Shape(clock_spans, given=NAIVE),
    "from and to": Shape(rows("From;To;Open;High;Low;Close;Volume", lambda b: [
        at(b, "%Y-%m-%d %H:%M"), at((b[0] + 300, *b[1:]), "%Y-%m-%d %H:%M"), *b[1:]], ";"), given=NAIVE),
    "hour with am and pm": Shape(rows(UP, lambda b: [at(b, "%Y-%m-%d %-I%p"), *b[1:]]), given={"tz": "UTC", "step": 3600}),
    "24:00": Shape(midnight_as_24, given=NAIVE),
    "excel's numbers with a decimal comma": Shape(rows(SEMI, lambda b: [
        f"{b[0] / 86400 + 25569:.8f}".replace(".", ","), *map(comma, prices(b)), int(b[5])], ";")),
    "epoch with a decimal point": Shape(rows(HEAD, lambda b: [f"{b[0]}.0", *b[1:]])),
    "epoch in scientific notation": Shape(rows(HEAD, lambda b: [f"{b[0] * 1000:.13E}", *b[1:]])),
    "asp.net dates": Shape(rows(HEAD, lambda b: [f"/Date({b[0] * 1000})/", *b[1:]])),
    "text that guards excel": Shape(rows(HEAD, lambda b: [f'="{iso(b)}"', *(f'="{num(v)}"' for v in prices(b)), f'="{b[5]:.0f}"'])),
    "apostrophes before dates": Shape(rows(HEAD, lambda b: [f"'{iso(b)}", *b[1:]])),
    "single quotes": Shape(rows("'time','open','high','low','close','volume'", lambda b: [
        f"'{v}'" for v in (iso(b), *prices(b), b[5])])),
    "all quoted, blanks inside": Shape(rows('"Date" , "Open" , "High" , "Low" , "Close" , "Volume"', lambda b: [
        f' "{v}" ' for v in (at(b, "%Y-%m-%d"), *prices(b), int(b[5]))]), daily=True),
    "lakhs": Shape(rows(UP, lambda b: [at(b, "%Y-%m-%d"), *(f'"{lakhs(v * 100)}"' for v in prices(b)), int(b[5])]), daily=True,
                   given={"times": 10_000}),
    "typographic apostrophes": big(lambda v: grouped(v, "’")),
    "no-break blanks": big(lambda v: grouped(v, "\u00a0", ",")),
    "thin blanks": big(lambda v: grouped(v, "\u2009")),
    "plain blanks": big(lambda v: grouped(v, " ", ",")),
    "underscores": big(lambda v: f"{v:_.2f}"),
    "points between thousands": big(lambda v: grouped(v, ".", ","), lambda v: grouped(v, ".", ",", 0)),
    "euros behind": big(lambda v: grouped(v, ".", ",") + " €"),
    "francs before": big(lambda v: "CHF " + grouped(v, "’")),
    "reais": big(lambda v: "R$ " + grouped(v, ".", ",")),
    "rupees": big(lambda v: "₹" + grouped(v, ","), by="\t", head=UP.replace(",", "\t")),
    "rupees in letters": big(lambda v: "Rs. " + grouped(v, ",")),
    "dollars and code": big(lambda v: "US$" + grouped(v, ",")),
    "code behind": big(lambda v: grouped(v, ",") + " USD"),
    "plus signs": big(lambda v: f"+{v:.2f}"),
    "volume in mio": Shape(rows("Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", lambda b: [
        at(b, "%d.%m.%Y"), *map(comma, prices(b)), f"{comma(b[5] / 1e6, 6)} Mio."], ";"), daily=True),
    "volume in lower case": volumes(lambda v: f"{v / 1e3:.3f}k"),
    "volume in ten thousands": volumes(lambda v: f"{v / 1e4:.4f}万"),
    "volume in shares": volumes(lambda v: f"{v:,.0f} shares"),
    "volume in lots of text": volumes(lambda v: f"{v:.0f} BTC"),
    "volume in scientific notation": volumes(lambda v: f"{v:.4e}"),
    "volume left empty": Shape(rows(UP, lambda b: [at(b, "%Y-%m-%d"), *prices(b), ""]), daily=True, volume=False),
    "mixed line ends": Shape(mixed_ends),
    "windows, byte order mark": Shape(windows(csv(HEAD, "%Y-%m-%dT%H:%M:%SZ"))),
    "delimiter at the end of the head": Shape(lambda bars: csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars).replace(b"volume\n", b"volume,\n")),
    "delimiter at the end of the rows": Shape(
        lambda bars: csv("", "%Y-%m-%dT%H:%M:%SZ")(bars).replace(b"\n", b",\n").join([HEAD.encode() + b"\n", b""])),
    "head twice": Shape(lambda bars: HEAD.encode() + b"\n" + csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars)),
    "units below the head": Shape(csv(HEAD + "\n,USD,USD,USD,USD,BTC", "%Y-%m-%dT%H:%M:%SZ")),
    "types below the head": Shape(csv(HEAD + "\ndatetime,float,float,float,float,float", "%Y-%m-%dT%H:%M:%SZ")),
    "dashes below the head": Shape(csv(HEAD.replace(",", "\t") + "\n----\t----\t----\t---\t-----\t------", "%Y-%m-%dT%H:%M:%SZ", "\t")),
    "blank lines before": Shape(lambda bars: b"\n\n \n" + csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars)),
    "units in the heads": Shape(csv("Time (UTC),Open (USD),High [USD],Low {USD},Close - USD,Volume (BTC)", "%Y-%m-%d %H:%M")),
    "price before the name": Shape(csv("Date,Price Open,Price High,Price Low,Price Close,Trade Volume", "%Y-%m-%d"), daily=True),
    "vendor in the heads": Shape(csv("index,AAPL.Open,AAPL.High,AAPL.Low,AAPL.Close,AAPL.Volume", "%Y-%m-%d"), daily=True),
    "tuples of pandas": Shape(lambda bars: csv(
        "Date;('Open', 'AAPL');('High', 'AAPL');('Low', 'AAPL');('Close', 'AAPL');('Volume', 'AAPL')", "%Y-%m-%d", ";")(bars),
        daily=True),
    "carets": Shape(csv(HEAD.replace(",", "^"), "%Y-%m-%dT%H:%M:%SZ", "^")),
    "tildes": Shape(csv(HEAD.replace(",", "~"), "%Y-%m-%dT%H:%M:%SZ", "~")),
    "semicolons with blanks": Shape(csv("time ; open ; high ; low ; close ; volume", "%Y-%m-%dT%H:%M:%SZ", " ; ")),
    "text with commas beside": Shape(rows(HEAD + ",note", lambda b: [iso(b), *b[1:], '"calm, then up"'])),
    "numbered rows without heads": Shape(lambda bars: lines([[i, iso(b), *b[1:]] for i, b in enumerate(bars)])),
    "index and unnamed columns": Shape(lambda bars: lines([[i, i, iso(b), *b[1:]] for i, b in enumerate(bars)], ",",
                                                         "Unnamed: 0.1,Unnamed: 0," + HEAD)),
    "low before high": Shape(rows("date,low,high,close,open,vol", lambda b: [at(b, "%Y-%m-%d"), b[3], b[2], b[4], b[1], b[5]]),
                             daily=True),
    "holidays of dashes": Shape(with_rows({4: "2023-12-25,-,-,-,-,-", -1: "2024-12-25,,,,,"}), daily=True),
    "holidays of #N/A": Shape(with_rows({6: "2023-12-25,#N/A,#N/A,#N/A,#N/A,0"}), daily=True),
    "sums and notes at the end": Shape(with_rows({-1: "Average,101,102,100,101,5000", -2: "", -3: "Source: a broker"}), daily=True),
    "a disclaimer at the end": Shape(with_rows({-1: '"Past performance, as ever, says nothing of what comes."'}), daily=True),
    "remarks between": Shape(with_rows({5: "# a holiday", 9: "// another"}), daily=True),
    "semicolons, points, quoted": Shape(rows('"Date";"Open";"High";"Low";"Close";"Volume"', lambda b: [
        f'"{v}"' for v in (at(b, "%d.%m.%Y"), *map(comma, prices(b)), grouped(b[5], ".", ",", 0))], ";"), daily=True),
    "windows-1252 with a euro": Shape(lambda bars: rows("Datum;Eröffnung (€);Hoch (€);Tief (€);Schluss (€);Stück", lambda b: [
        at(b, "%d.%m.%Y"), *map(comma, prices(b)), int(b[5])], ";")(bars).decode().encode("cp1252"), daily=True),
    "utf-16 of tabs": Shape(lambda bars: windows(csv(HEAD.replace(",", "\t"), "%Y-%m-%dT%H:%M:%SZ", "\t"))(bars)[3:].decode()
                            .encode("utf-16")),
}  # fmt: skip
