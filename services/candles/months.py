"""Names of months in the languages that exports come in."""

from __future__ import annotations

import unicodedata
from typing import Final

_NAMES: Final = (
    "jan january januar janvier janv enero ene gennaio gen janeiro januari styczen stycznia sty январь января янв",
    "feb february februar fevrier fevr fev febrero febbraio fevereiro februari luty lutego lut февраль февраля фев",
    "mar march marz maerz mrz mars marzo marco maart mrt marzec marca март марта мар",
    "apr april avril avr abril abr aprile kwiecien kwietnia kwi апрель апреля апр",
    "may mai mayo maggio mag maio mei maj maja май мая",
    "jun june juni juin junio giugno giu junho czerwiec czerwca cze июнь июня июн",
    "jul july juli juillet juil julio luglio lug julho lipiec lipca lip июль июля июл",
    "aug august aout agosto ago augustus sierpien sierpnia sie август августа авг",
    "sep sept september septembre septiembre settembre set setembro wrzesien wrzesnia wrz сентябрь сентября сен сент",
    "oct october oktober okt octobre octubre ottobre ott outubro out pazdziernik pazdziernika paz октябрь октября окт",
    "nov november novembre noviembre novembro listopad listopada lis ноябрь ноября ноя нояб",
    "dec december dezember dez decembre diciembre dic dicembre dezembro grudzien grudnia gru декабрь декабря дек",
)
_NUMBERS: Final = {name: number for number, row in enumerate(_NAMES, start=1) for name in row.split()}


def month(name: str) -> int:
    """The number of a month's name or abbreviation; 0 for what is none."""
    plain = unicodedata.normalize("NFKD", name.strip().strip(".").lower().replace("ł", "l").replace("й", "й"))
    plain = "".join(c for c in plain if not unicodedata.combining(c) or c == "\u0306")
    return _NUMBERS.get(unicodedata.normalize("NFC", plain), 0)
