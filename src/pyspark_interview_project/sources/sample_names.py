"""Names that columns of returns have in the files of shops, marketplaces and ERP systems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pyspark_interview_project.schemas.returns_raw import REQUIRED_NAMES

# Column of a return -> names that say so, and names that may also say something else. The better ones come first.
# Only letters and digits count, in lower case.
_NAMES: Mapping[str, tuple[str, str]] = {
    "return_id": (
        "returnid rmaid amazonrmaid rma rmanumber returnnumber returnno refundid refundnumber returnorderid retourennr "
        "retourennummer",
        "id entityid licenseplatenumber customerreturn creditmemoid incrementid token paymentid transactionid "
        "merchantrmaid invoice invoiceno documentnumber belegnummer",
    ),
    "order_id": (
        "orderid amazonorderid ordernumber orderno salesorder ordername order bestellnr bestellnummer "
        "auftragsnr auftragsnummer auftrag",
        "parentid referencesddocument paymentintentid chargeid charge transactionid paymentid invoice invoiceno "
        "invoicenumber purchaseorder name id",
    ),
    "customer_id": (
        "customerid customernumber customerno buyerid kundennummer",
        "customer soldtoparty userid buyer clientid accountid",
    ),
    "sku": (
        "sku merchantsku sellersku lineitemsku itemsku productsku",
        "stockcode material productid productcode articlenumber article itemnumber partnumber asin itemid item "
        "variantid ean barcode artikelnummer artikel",
    ),
    "reason": (
        "reason returnreason refundreason reasoncode returnreasoncode grund",
        "note detaileddisposition customercomments comment",
    ),
    "qty": (
        "qty quantity returnquantity returnedquantity returnqty returnedqty quantityreturned qtyreturned "
        "refundquantity lineitemquantity menge",
        "requestedquantity units pieces count",
    ),
    "amount": (
        "amountrefunded refundedamount refundamount returnamount amount betrag",
        "rowtotalincltax rowtotal linetotal subtotal netsales grosssales netamount total totalamount value price "
        "unitprice",
    ),
    "return_date": (
        "returndate returnrequestdate returnedat refundeddateutc refundeddate refunddate refundedat dateofreturn "
        "customerreturndate retourendatum",
        "processedat createdat datecreated createddateutc createdutc creationdate created date invoicedate datum",
    ),
    "ingest_ts": (
        "ingestts updatedat lastupdatedat lastmodified lastmodifiedat modifiedat datemodified lastchangedatetime",
        "",
    ),
    # No column of a return, but a part of keys: the line of an order or a return.
    "line": ("linenumber lineno lineid lineitemid customerreturnitem returnitem orderitemid position posnr", ""),
    "currency": ("currency currencycode transactioncurrency currencyisocode waehrung", ""),
}
_NEITHER_LETTER_NOR_DIGIT = re.compile(r"[\W_]")
# What each line of an order has for itself; the others belong to the whole.
OF_A_LINE = ("return_id", "sku", "qty", "amount")


def candidates(target: str, names: Iterable[str], behind: str = "") -> list[tuple[str, bool]]:
    """The columns that may be this column of a return, best first, and whether their name alone says so.

    `behind` is the path of the list whose members are the records, where there is one. Of a name with dots its last
    step counts.
    """
    sure, likely = (words.split() for words in _NAMES[target])
    found = []
    for name in names:
        word = _word(name)
        if word in sure or word in likely:
            is_of_line = bool(behind) and name.startswith(f"{behind}.")
            is_misplaced = bool(behind) and is_of_line != (target in OF_A_LINE)
            depth = name.removeprefix(f"{behind}.").count(".")
            found.append((is_misplaced, depth > 1, [*sure, *likely].index(word), depth, name, word in sure))
    return [(name, is_sure) for *_, name, is_sure in sorted(found)]


def is_price_of_one(name: str) -> bool:
    return _word(name) in ("price", "unitprice")


def _word(name: str) -> str:
    """What a name says: letters and digits of its last step. A step such as `$numberDecimal` only says a type."""
    steps = [step for step in name.split(".") if not step.startswith("$")] or [name]
    return _NEITHER_LETTER_NOR_DIGIT.sub("", steps[-1].lower())


def required_targets(names: Iterable[str]) -> list[str]:
    """The required columns of a return for which one of these columns may stand."""
    names = list(names)
    return [target for target in REQUIRED_NAMES if candidates(target, names)]
