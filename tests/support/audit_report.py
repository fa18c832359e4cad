# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small report of an audit, written by hand, with names that try to be HTML."""

from __future__ import annotations

import copy
from typing import Any

SCRIPT_NAME = "<script>window.pwned = 1</script> & Fils"
QUOTED = "\"><img src=x onerror='window.pwned = 2'>"
CLOSING = "</script><script>window.pwned = 3</script>"
TURNED = "\u202eSARL \ud800Zéro\x00"
KEPT = " SARL \ufffdZéro "  # what of TURNED can be shown


def result(rule: str, status: str, severity: str = "error", message: str = "", **more: Any) -> dict[str, Any]:
    """The result of a rule."""
    return {
        "rule": rule,
        "status": status,
        "severity": severity,
        "message": message,
        "message_fr": message and f"En français : {message}",
        "evidence": [],
        "sources": [],
    } | more


def invoice(
    identity: int, ref: str, customer: str, total: str, verdict: str, *results: Any, **more: Any
) -> dict[str, Any]:
    """An invoice with its results."""
    counts = dict.fromkeys(("pass", "fail", "not_applicable", "undetermined"), 0)
    for one in results:
        counts[one["status"]] += 1
    return {
        "id": identity,
        "ref": ref,
        "type": "standard",
        "status": "validated",
        "customer_id": identity,
        "customer": customer,
        "kind": "business",
        "zone": "FR",
        "issued": f"2026-0{identity}-15",
        "due": None,
        "total_ht": total,
        "total_tva": "0.00",
        "total_ttc": total,
        "currency": "EUR",
        "pdf": {"state": "read", "reason": "", "reason_fr": "", "pages": 1, "size": 9000, "sha256": "0" * 64},
        "verdict": verdict,
        "counts": counts,
        "results": list(results),
    } | more


def finding(section: str, check: str, severity: str, subject: str, message: str, **more: Any) -> dict[str, Any]:
    """A finding that nobody accepted."""
    return {
        "section": section,
        "check": check,
        "severity": severity,
        "subject": subject,
        "message": message,
        "message_fr": message and f"En français : {message}",
        "invoice": None,
        "evidence": [],
        "sources": [],
        "accepted": None,
    } | more


PENALTY: dict[str, Any] = {
    "evidence": [{"text": f"Pénalités : 1,5 % {QUOTED}", "page": 2}],
    "sources": ["C. com. art. L441-9 I", "C. com. art. L441-10 II"],
}
INVOICES = [
    invoice(
        1,
        "FA2601-0001",
        SCRIPT_NAME,
        "1234.50",
        "error",
        result(
            "escompte", "pass", evidence=[{"text": "Escompte : néant", "page": 1}], sources=["C. com. art. L441-9 I"]
        ),
        result("late-penalty-rate", "fail", message="The rate is too low: write the legal one.", **PENALTY),
        result("unheard-of", "undetermined", "warning", f"Nobody knows: ask {CLOSING}."),
        result("seller-ei", "not_applicable"),
    ),
    invoice(2, "AV2602-0001", QUOTED, "-100.00", "pass", result("escompte", "pass"), type="credit_note"),
    invoice(3, "FA2603-0002", "Éclair SAS", "99.00", "warning", result("escompte", "fail", "warning", "Say so.")),
    invoice(4, "FA2604-0003", "Zèbre", "20000.00", "pass", result("escompte", "pass"), currency="USD"),
    invoice(5, "FA2605-0004", "Abricot", "5.00", "pass", result("escompte", "pass")),
    invoice(
        6,
        "FA2606-0005",
        TURNED,
        "-5.00",
        "undetermined",
        result("escompte", "undetermined", message="Its PDF holds no text: read it."),
        pdf={
            "state": "unreadable",
            "reason": "holds no text",
            "reason_fr": "n'a pas de texte",
            "pages": 1,
            "size": 9,
            "sha256": "1" * 64,
        },
    ),
]
FINDINGS = [
    finding(
        "invoices",
        "late-penalty-rate",
        "error",
        "FA2601-0001",
        "The rate is too low: write the legal one.",
        invoice="FA2601-0001",
        **PENALTY,
    ),
    finding("numbering", "number-gap", "error", "FA", f"A number is missing after {CLOSING}."),
    finding("invoices", "escompte", "warning", "FA2603-0002", "Say so.", invoice="FA2603-0002"),
    finding("payments", "payment-overdue", "warning", "FA2604-0003", "It is due.", invoice="FA2604-0003"),
    finding("third_parties", "third-party-rcs-missing", "info", SCRIPT_NAME, "It has no RCS: enter it."),
    finding("third_parties", "unheard-of", "info", QUOTED, "What is this?"),
    finding(
        "templates",
        "template-period",
        "warning",
        "Maintenance",
        "It names a month.",
        accepted={"who": SCRIPT_NAME, "why": "Agreed", "until": "2027-06-30"},
    ),
]
CHECKS = {
    "escompte": {"en": "Early-payment discount", "fr": "Escompte"},
    "late-penalty-rate": {"en": "Rate of late penalties", "fr": "Taux des pénalités de retard"},
    "number-gap": {"en": "Gap in the numbers", "fr": "Trou dans la numérotation"},
    "payment-overdue": {"en": "Payment overdue", "fr": "Règlement en retard"},
    "seller-ei": {"en": "Sole trader", "fr": "Entrepreneur individuel"},
    "template-period": {"en": "Month in a template", "fr": "Mois écrit dans un modèle"},
    "third-party-rcs-missing": {"en": "RCS missing", "fr": "RCS : à renseigner"},
}
BUCKETS = {"not_due": "0.00", "1-30": "50.00", "31-60": "0.00", "61-90": "0.00", "90+": "20000.00", "credit": "-100.00"}


def state(ref: str, third_party: str, name: str, total: str, outstanding: str, late: int | None) -> dict[str, Any]:
    """Where an invoice stands."""
    return {
        "ref": ref,
        "third_party": third_party,
        "issued": "2026-01-15",
        "due": "2026-02-14",
        "total_ttc": total,
        "received": "0.00",
        "credit_notes": "0.00",
        "outstanding": outstanding,
        "days_late": late,
        "state": name,
    }


def month(name: str, received: str, paid_back: str, net: str, cumulative: str) -> dict[str, Any]:
    """What came in and went out in a month."""
    return {
        "month": name,
        "movements": 1,
        "received": received,
        "paid_back": paid_back,
        "net": net,
        "cumulative": cumulative,
    }


MONTHS = [
    month("2025-12", "1000.00", "0.00", "1000.00", "1000.00"),
    month("2026-03", "234.50", "100.00", "134.50", "1134.50"),
]
PAYMENTS = {
    "state": [
        state("FA2601-0001", SCRIPT_NAME, "OK", "1234.50", "0.00", None),
        state("FA2604-0003", "Zèbre", "UNPAID", "20000.00", "20000.00", 120),
        state("FA2605-0004", "Abricot", "PARTIAL", "5.00", "5.00", 9),
        state("FA2603-0002", "Éclair SAS", "CLOSED_SHORT", "99.00", "0.00", None),
        state("FA2606-0005", TURNED, "ABANDONED", "0.00", "0.00", None),
        state("AV2602-0001", QUOTED, "OVERPAID", "-100.00", "-100.00", None),
    ],
    "total": {"total_ttc": "21238.50", "received": "0.00", "credit_notes": "0.00", "outstanding": "19905.00"},
    "ageing": {"third_party": "", "buckets": BUCKETS, "total": "19950.00"},
    "ageing_by_third_party": [{"third_party": SCRIPT_NAME, "buckets": BUCKETS, "total": "19950.00"}],
    "delays": {"weighted_days": "0.71", "dso": None},
    "by_month": MONTHS,
    "by_month_total": {"movements": 2, "received": "1234.50", "paid_back": "100.00", "net": "1134.50"},
    "notes": [f"A note of {CLOSING}"],
    "notes_fr": [f"Une note de {CLOSING}"],
}
VAT = {
    "reconciliation": {"is_exact": True},
    "months": [
        {
            "month": "2026-01",
            "gross_tax": "200.40",
            "deductible_tax": "20.00",
            "net": "180.40",
            "credit_carried_forward": "0.00",
            "to_pay": "180.00",
            "is_partial": False,
            "lines": [
                {
                    "line": "08",
                    "label": "Taux normal 20 %",
                    "box": "0207",
                    "base": "1002.00",
                    "base_rounded": "1002.00",
                    "tax_rounded": "200.00",
                }
            ],
        },
        {
            "month": "2026-02",
            "gross_tax": "0.00",
            "deductible_tax": "30.00",
            "net": "-30.00",
            "credit_carried_forward": "30.00",
            "to_pay": "0.00",
            "is_partial": True,
            "lines": [],
        },
    ],
    "unclassified": [
        {
            "side": "sale",
            "invoice": "FA2603-0002",
            "line": 1,
            "total_ht": "99.00",
            "total_tva": "0.00",
            "reason": CLOSING,
            "reason_fr": f"Raison : {CLOSING}",
        }
    ],
    "not_due": {
        "customers": [
            {
                "invoice": "FA2604-0003",
                "issued": "2026-04-15",
                "base": "20000.00",
                "tax": "0.00",
                "reason": "not paid",
                "reason_fr": "non réglée",
            }
        ],
        "suppliers": [],
    },
    "assumptions": ["Preparation, not a declaration."],
    "assumptions_fr": ["Préparation, pas une déclaration."],
}
THIRD_PARTIES = {
    "third_parties": [
        {
            "name": name,
            "roles": ["customer", "supplier"],
            "country": "FR",
            "kind": "business",
            "complete": not missing,
            "missing": missing,
            "invalid": [],
        }
        for name, missing in ((SCRIPT_NAME, ["rcs"]), (QUOTED, []), (TURNED, ["vat_number", "siren"]))
    ],
    "not_audited": [{"name": QUOTED, "reason": "closed", "reason_fr": "fermé"}],
}
TEMPLATES = [
    {
        "title": "Maintenance",
        "third_party": SCRIPT_NAME,
        "state": "active",
        "frequency": 1,
        "unit": "month",
        "next_date": "2026-12-01",
        "generated": 2,
        "missed": 0,
        "total_ttc": "2160.00",
    }
]
NUMBERING = {
    "series": [
        {
            "name": "FA",
            "mask": QUOTED,
            "is_assumed": True,
            "first": "FA2601-0001",
            "last": "FA2606-0005",
            "count": 5,
            "missing": 1,
        }
    ]
}
REPORT: dict[str, Any] = {
    "schema_version": 1,
    "generated_at": "2026-11-21T09:30:00+01:00",
    "collection_version": "0.1.0",
    "instance": {"url": "https://erp.example.com", "dolibarr_version": "22.0.4"},
    "scope": {
        "since": None,
        "until": None,
        "invoices": None,
        "sections": [],
        "left_out": {"drafts": 3, "proformas": 0},
    },
    "seller": {"name": f"Atelier {SCRIPT_NAME}", "siren": "123456782", "vat_number": "FR11123456782", "unknown": []},
    "verdict": {"level": "error", "en": f"2 errors are open. {CLOSING}", "fr": f"2 erreurs à traiter. {CLOSING}"},
    "counts": {
        "invoices": 6,
        "verdicts": {"error": 1, "warning": 1, "undetermined": 1, "pass": 3},
        "results": {"pass": 4, "fail": 2, "not_applicable": 1, "undetermined": 2},
        "findings": {"error": 2, "warning": 3, "info": 2},
        "open": {"error": 2, "warning": 2, "info": 2},
        "accepted": 1,
    },
    "findings": FINDINGS,
    "checks": CHECKS,
    "invoices": INVOICES,
    "payments": PAYMENTS,
    "vat": VAT,
    "third_parties": THIRD_PARTIES,
    "templates": TEMPLATES,
    "numbering": NUMBERING,
    "charts": {
        "receipts_by_month": [{key: one[key] for key in ("month", "received", "paid_back", "net")} for one in MONTHS],
        "ageing": [{"bucket": bucket, "amount": amount} for bucket, amount in BUCKETS.items()],
        "vat_by_month": [
            {"month": "2026-01", "collected": "200.40", "deductible": "20.00", "net": "180.40"},
            {"month": "2026-02", "collected": "0.00", "deductible": "30.00", "net": "-30.00"},
        ],
        "findings_by_check": [
            {"check": one["check"], "severity": one["severity"], "count": 1}
            for one in FINDINGS
            if one["accepted"] is None
        ],
    },
    "undetermined": [
        {
            "message": f"Nobody knows: ask {CLOSING}.",
            "message_fr": f"Personne ne sait : voir {CLOSING}.",
            "rules": ["unheard-of"],
            "invoices": ["FA2601-0001"],
        },
        {
            "message": "Its PDF holds no text: read it.",
            "message_fr": "Son PDF n'a pas de texte : le lire.",
            "rules": ["escompte"],
            "invoices": ["FA2606-0005"],
        },
        *(
            {
                "message": f"Question {number} has no answer: give one.",
                "message_fr": f"Question {number} : y répondre.",
                "rules": ["escompte"],
                "invoices": ["FA", "FB"],
            }
            for number in range(1, 7)
        ),
    ],
    "baseline": {
        "path": "/etc/erp/audit-baseline.yml",
        "accepted": 1,
        "problems": [
            {
                "check": "escompte",
                "subject": QUOTED,
                "message": f"The entry of {QUOTED} has run out.",
                "message_fr": f"L'entrée de {QUOTED} a expiré.",
            }
        ],
    },
}


def report(**changes: Any) -> dict[str, Any]:
    """A copy of the report, with other values in it."""
    return copy.deepcopy(REPORT) | changes


def bare_report() -> dict[str, Any]:
    """A report of an audit that was asked for nothing and found nothing."""
    nothing: dict[str, Any] = dict.fromkeys(("payments", "vat", "third_parties", "templates", "numbering", "invoices"))
    counts = {
        name: dict.fromkeys(values, 0) if isinstance(values, dict) else 0 for name, values in REPORT["counts"].items()
    }
    return report(
        **nothing,
        findings=[],
        undetermined=[],
        counts=counts,
        verdict={"level": "pass", "en": "Nothing found.", "fr": "Rien trouvé."},
        charts={name: [] for name in REPORT["charts"]},
        baseline={"path": "", "accepted": 0, "problems": []},
    )
