"""What the heads of columns mean, in the languages that exports come in, and what they say beside."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_WORDS: Final[dict[str, str]] = {
    "time": "time timestamp date datetime datetimeutc dateutc timeutc unix unixtime unixtimestamp epoch opentime "
    "timeopen startsat begin begins beginsat start starttime startdate starttimestamp startingat periodstart bartime "
    "barstart candletime candlebegintime candledatetimeutc candledatetimekst periodstarttime intervalstart t ts dt tick "
    "ticks timekey tradedate tradingdate tradingday day gmttime localtime estime newyorktime servertime brokertime "
    "timems timestampms opentimems datum zeit datumzeit uhrzeit zeitstempel zeitpunkt tag fecha hora fechahora data "
    "ora dataora heure dateheure horodatage jour tijd datumtijd godzina czas дата время датавремя дата/время "
    "日期 时间 時間 日時 日付 交易日期 index windowstart datestring datetimestring tradingtime quotetime dtyyyymmdd "
    "candletimestamp bucket bucketstart asof valuedate periodbegin von snapshottime snapshottimeutc "
    "tarih 날짜 日付け dataczas päivä dato 交易时间 成交时间",
    "close_time": "closetime timeclose endtime end finish periodend intervalend windowend bucketend until periodstop bis",
    "open": "open o opn openprice openingprice opening priceopen pxopen first firstprice startprice openbid bidopen "
    "openmid midopen 1open eröffnung eroeffnung eröffnungskurs erster eröff eroeff eröffn eroeffn anfang apertura precioapertura "
    "aperture ouverture ouv abertura openen opening openingskoers otwarcie открытие откр ценаоткрытия 开盘 開盤 开盘价 始値 "
    "tradeopen "
    "öppen åpen åpning açılış aç 시가 开 今开 开盘价元 otw avaus",
    "high": "high h hi hgh highprice pricehigh pxhigh max maximum highest hoch höchst höchstkurs hoechst hoechstkurs "
    "tageshoch höchster max. máximo maximo máx máxima maxima alto massimo max haut plushaut plushautht hoog hoogste "
    "najwyzszy najwyższy максимум макс максцена наибольшая 最高 最高价 高値 "
    "högst høy yüksek 고가 高 高价 最高价元 najw ylin",
    "low": "low l lo lowprice pricelow pxlow min minimum lowest tief tiefst tiefstkurs tagestief tiefster mínimo minimo "
    "mín mínima minima bajo basso bas plusbas laag laagste najnizszy najniższy минимум мин минцена наименьшая "
    "最低 最低价 安値 "
    "lägst lav düşük 저가 低 低价 最低价元 najn alin",
    "close": "close c cls closeprice closingprice priceclose pxclose pxlast last lastprice endprice closelast "
    "schluss schlusskurs schlußkurs schlußstand schluß letzter letzterkurs cierre último ultimo ult clôture cloture "
    "dernier fermeture chiusura chius ultimo fechamento fech slot slotkoers sluiting zamkniecie zamknięcie закрытие закр "
    "ценазакрытия послсделка 收盘 收盤 收盘价 終値 settle settlement tradeclose "
    "kapanış 종가 slut sluttkurs zamk 收 päätös",
    "late_close": "price zuletzt kurs precio prix prezzo preço цена latest mark ltp tradeprice "
    "ostatnio laatst senaste şimdi siste 最新价 收盘价元",
    "volume": "volume vol v volumes volumen voltraded totalvolume tradedvolume tradevolume basevolume volumebase "
    "volumefrom shares sharestraded qty quantity size contracts lots realvolume stück stücke stueck menge volumen "
    "volumennegociado volumeneg omvang wolumen объем объём 成交量 出来高 amountbase totaltradedquantity noofshares numberofshares stuecke stücke "
    "contractstraded tradedqty vol1 candleacctradevolume basetokenvolume "
    "wol hac hacim 거래량 交易量 volym volumetri 成交量股",
    "tick_volume": "tickvol tickvolume tickqty ticks_count tvol ticksvolume",
    "quote_volume": "turnover quotevolume volumequote quoteassetvolume amount value umsatz volumeto volumeusd "
    "volumeusdt volumeeur volccy volccyquote volquote candleacctradeprice notional dollarvolume 成交额 totaltradedvalue quotevol",
    "up": "up upvolume upvol",
    "down": "down downvolume downvol",
    "symbol": "symbol s ticker instrument pair sym asset code secid security stock epic underlying name product "
    "тикер 股票代码 代码 stockcode seccode ric isin instrumentname instrumentid instid market tradingsymbol",
    "timeframe": "per i interval timeframe period resolution granularity tf barsize",
    "complete": "complete confirm isclosed closed isfinal",
    "other": "adjclose adjustedclose closeadj adj spread openint openinterest oi trades count numberoftrades barcount "
    "average wap vwap vw n change changepct chg percentchange dividends splits stocksplits capitalgains return weekday nooftrades prevclose previousclose ltq series flow net "
    "52wh 52wl vwapprice marketcap timehigh timelow gmtoffset "
    "涨跌幅 涨跌额 振幅 换手率 zmiana fark 변동 変化率 variation var",
}  # fmt: skip
ROLE_OF: Final = {word.lower(): role for role, words in _WORDS.items() for word in words.split()}
PRICE_SIDES: Final = ("mid", "", "trade", "trades", "bid", "ask")
_SIDE: Final = re.compile(r"^(mid|bid|ask)[\s._-]*(?=o|h|l|c)|[\s._-]+(mid|bid|ask)$|(?<=n|h|w|e)(mid|bid|ask)$")
_NUMBERED: Final = re.compile(r"^\d+[ab]?[.)]\s*")
_UNITS: Final = re.compile(r"[(\[{][^)\]}]*[)\]}]")
_NOT_WORD: Final = re.compile(r"[\W_]+")
_ZONE_HINT: Final = re.compile(
    r"\b(UTC\s*[+-]\s*\d{1,2}(?::?\d\d)?|GMT\s*[+-]\s*\d{1,2}(?::?\d\d)?|UTC|GMT|E[SD]T|KST|"
    r"(?-i:[CMPA][SD]T|ET|CT|PT|EES?T|CES?T|MES?Z|MSK|JST|HKT|SGT|IST|BST|AE[SD]T|NZ[SD]T)|"
    r"(?:Africa|America|Asia|Atlantic|Australia|Europe|Pacific|US)/[A-Za-z_]+(?:/[A-Za-z_]+)?)\b",
    re.IGNORECASE,
)
FOREIGN_DAY_FIRST: Final = frozenset(
    [
        "datum",
        "zeit",
        "uhrzeit",
        "datumzeit",
        "fecha",
        "hora",
        "fechahora",
        "data",
        "ora",
        "dataora",
        "heure",
        "dateheure",
        "horodatage",
        "jour",
        "tijd",
        "дата",
        "время",
        "eröffnung",
        "apertura",
        "ouverture",
        "abertura",
        "открытие",
        "otwarcie",
        "schluss",
        "cierre",
        "clôture",
        "chiusura",
        "fechamento",
    ]
)


def cleaned(name: str) -> str:
    """A head without quotes, numbers, units and signs, in lower case: `4. Close (USD)` → "close"."""
    text = unicodedata.normalize("NFC", name).strip().strip("\"'<>*").strip().lower()
    text = _UNITS.sub("", _NUMBERED.sub("", text))
    return _NOT_WORD.sub("", text)


def side(name: str) -> str:
    """The price that a head is of: mid, bid, ask or ""."""
    found = _SIDE.search(name.strip().lower())
    return next((g for g in found.groups() if g), "") if found else ""


def role(name: str) -> str | None:
    """The role that a head names, or None. Known are time, close_time, the prices, volumes, symbol, timeframe, other."""
    word = cleaned(name)
    if word in ROLE_OF:
        return ROLE_OF[word]
    bare = cleaned(_SIDE.sub("", name.strip().lower()))
    if side(name) and bare in ROLE_OF:
        return ROLE_OF[bare]
    last = cleaned(re.split(r"[./|:>]", name)[-1]) if re.search(r"[./|:>]", name) else word
    if last in ROLE_OF:
        return ROLE_OF[last]
    return _by_part(word, name)


def _by_part(word: str, name: str) -> str | None:
    """Names of several words: `volume btc`, `date (gmt)`, `open usd`, `bar time`."""
    parts = [p for p in _NOT_WORD.split(_UNITS.sub("", name).lower()) if p]
    if parts[:1] in (["prev"], ["previous"], ["change"], ["chg"]) and len(parts) > 1:
        return "other"
    known = [ROLE_OF[p] for p in parts if p in ROLE_OF and len(p) > 1]
    if "adj" in word or "adjusted" in word:
        explained = len(parts) > 2 and parts[0] == parts[1]  # "Close Close price adjusted for splits."
        return ROLE_OF.get(parts[0], "other") if explained else "other"
    if word.startswith(("volume", "vol")) or word.endswith("volume"):
        return "volume" if not ("quote" in word or "usd" in word or "change" in word) else "quote_volume"
    if word.startswith(("time", "date")) or word.endswith(("time", "date", "datetime", "timestamp")):
        return "close_time" if "close" in word or "end" in word else "time"
    if len(parts) <= 3 and known and len(set(known)) == 1 and known[0] in ("open", "high", "low", "close", "time"):
        return known[0]
    return None


def zone_in(name: str) -> str | None:
    """A time zone that a head names: `Gmt time`, `time (UTC+2)`, `date_utc`."""
    found = _ZONE_HINT.search(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace("_", " ")))
    return re.sub(r"\s", "", found[1]) if found else None
