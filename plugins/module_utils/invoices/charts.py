# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures that the report draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def charts(facts: Mapping[str, Any], findings: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Receipts by month, ageing, VAT by month and findings by check; amounts as in the facts, empty without them."""
    payments, vat = facts.get("payments"), facts.get("vat")
    return {
        "receipts_by_month": picked(payments["by_month"], "month", "received", "paid_back", "net") if payments else [],
        "ageing": (
            [{"bucket": bucket, "amount": amount} for bucket, amount in payments["ageing"]["buckets"].items()]
            if payments
            else []
        ),
        "vat_by_month": (
            [
                {
                    "month": row["month"],
                    "collected": row["gross_tax"],
                    "deductible": row["deductible_tax"],
                    "net": row["net"],
                }
                for row in vat["months"]
            ]
            if vat
            else []
        ),
        "findings_by_check": by_check(findings),
    }


def picked(rows: Iterable[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Some fields of every row."""
    return [{name: row[name] for name in names} for row in rows]


def by_check(findings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How many findings of each check there are, the most frequent first."""
    counts = Counter((finding["check"], finding["severity"]) for finding in findings)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"check": check, "severity": severity, "count": count} for (check, severity), count in ordered]
