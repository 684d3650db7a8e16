"""The rules that a return must pass, one a line. A rule is added here; quarantine, counts and docs follow.

A rule is broken where its SQL is true, on a row of typed columns. Beside the nine columns of a return the SQL can name
`<column>_given` (boolean: something other than blank was delivered; of qty, amount, return_date and ingest_ts),
`return_id_is_rounded` (boolean: it is a number that lost its last digits), `as_of` (the run's date),
`latest_ingest_ts` (timestamp: a day after the batch was planned), `currency` (string, of the record) and
`lake_currency` (string; null: it is not checked).
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_RETURN_DATE = "1990-01-01"

# Has no other code beside it: a record that cannot be split into columns is not validated further.
CORRUPT_RECORD = "corrupt_record"


@dataclass(frozen=True)
class Rule:
    """`code` is the reason in quarantine and metrics; `because` says why the business needs the rule."""

    code: str
    broken_when: str
    because: str


RULES = (
    Rule("return_id_missing", "return_id is null", "it is the key by which versions of a return meet"),
    Rule("return_id_invalid", "return_id_is_rounded", "a spreadsheet made one id of many: 1.00045E+12"),
    Rule("order_id_missing", "order_id is null", "a return without its order cannot be settled"),
    Rule("sku_missing", "sku is null", "gold counts by it"),
    Rule("qty_missing", "not qty_given", "gold sums it"),
    Rule("qty_invalid", "qty_given and qty is null", "it must be a whole number of 32 bits, written 2 or 2.0"),
    Rule("qty_not_positive", "qty <= 0", "a return of nothing is a typing error"),
    Rule("amount_missing", "not amount_given", "gold sums it"),
    Rule("amount_invalid", "amount_given and amount is null", "it must be a decimal number below 10^12"),
    Rule("amount_negative", "amount < 0", "a refund is stored as a positive amount"),
    Rule("return_date_missing", "not return_date_given", "silver is partitioned by it and gold counts by it"),
    Rule("return_date_invalid", "return_date_given and return_date is null", "it must be a day, YYYY-MM-DD"),
    Rule(
        "return_date_out_of_range",
        f"return_date < cast('{FIRST_RETURN_DATE}' as date) or return_date > date_add(as_of, 1)",
        "before the shop was there, or later than the day after the run's date, is a typing error",
    ),
    Rule("ingest_ts_invalid", "ingest_ts_given and ingest_ts is null", "it decides which version is the newest"),
    Rule("ingest_ts_out_of_range", "ingest_ts > latest_ingest_ts", "a version from the future would win for ever"),
    Rule(
        "currency_unexpected",
        "upper(nullif(trim(currency), '')) <> lake_currency",
        "amounts of two currencies cannot be summed",
    ),
)

REASON_CODES = (CORRUPT_RECORD, *(rule.code for rule in RULES))
