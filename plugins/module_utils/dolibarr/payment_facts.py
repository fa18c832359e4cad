# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subset ``payments``: where each invoice stands, and the money that moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ageing import (
    ageing,
    ageing_by_third_party,
    payment_delays,
    state_totals,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    TOLERANCE,
    Finding,
    Severity,
    money,
    total,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.movements import (
    MonthRow,
    Movement,
    movements,
    payment_timeline,
    payments_by_month,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payment_state import PaymentState
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payments import payment_states
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.schedule import (
    InstalmentResult,
    InstalmentState,
    ScheduleReport,
    compare_schedule,
    read_schedule,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words, french_date, french_money
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import ThirdParty
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.request import Selection, Side
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.rights import missing_rights
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.values import identity
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError


def payment_facts(
    reader: Reader, selection: Selection, schedule: Sequence[Mapping[str, Any]], today: date
) -> tuple[dict[str, Any], list[Finding]]:
    """Customers' payments, or suppliers' where only they are chosen.

    ``state``, ``total`` and ``ageing`` are of the invoices dated in the period; ``timeline`` and ``by_month`` of the
    money that moved in it, whatever the invoice's date; ``delays`` and ``schedule`` of all time.
    """
    if selection.side is Side.SUPPLIERS:
        invoices, payments = reader.supplier_invoices(), reader.supplier_payments()
    else:
        invoices, payments = reader.invoices(), reader.payments()
    parties = {party.id: party for party in reader.third_parties()}
    states = [
        state
        for state in payment_states(invoices, payments, today, parties)
        if selection.has_third_party(state.invoice.third_party_id)
    ]
    shown = [state for state in states if selection.has_invoice(state.invoice)]
    accounts, notes = account_names(reader)
    moved = movements([state.invoice for state in states], payments, parties, accounts)
    check_sums(states, shown, moved)
    months = payments_by_month(moved, selection.period)
    compared = compared_schedule(schedule, parties, moved, today)
    facts = {
        "side": "suppliers" if selection.side is Side.SUPPLIERS else "customers",
        "state": [state.to_facts() for state in shown],
        "total": state_total(shown),
        "by_state": [row.to_facts() for row in state_totals(shown)],
        "ageing": ageing(shown).to_facts(),
        "ageing_by_third_party": [row.to_facts() for row in ageing_by_third_party(shown)],
        "delays": payment_delays(states, today).to_facts(),
        "timeline": [row.to_facts() for row in payment_timeline(moved, selection.period)],
        "by_month": [row.to_facts() for row in months],
        "by_month_total": month_total(months),
        "schedule": compared.to_facts() if compared else None,
        "notes": [note.en for note in notes],
        "notes_fr": [note.fr for note in notes],
    }
    findings = [finding for state in shown for finding in state.findings]
    if compared:
        findings += [missed(result) for result in compared.instalments if is_missed(result)]
    return facts, findings


def account_names(reader: Reader) -> tuple[dict[int, str], list[Words]]:
    """The bank account of each bank line, by the line's id, and why it is not known."""
    missing = missing_rights(reader.user(), {"bank_accounts"})
    if missing:
        rights = ", ".join(map(str, missing))
        return {}, [
            Words(
                f"Les comptes mouvementés ne sont pas affichés : il manque à l'utilisateur de la clé {rights}.",
                f"The accounts that money moved on are not shown: the user of the key lacks {rights}.",
            )
        ]
    lines = (
        (identity(line), account.ref)
        for account in reader.bank_accounts()
        for line in reader.raw(f"/bankaccounts/{account.id}/lines")
    )
    return dict(lines), []


def state_total(states: Sequence[PaymentState]) -> dict[str, Any]:
    """The sums over all states; the total is what was received and set off, less what was converted, and the balance."""
    sums = {
        "total_ttc": total(state.invoice.total_ttc for state in states),
        "received": total(state.settlement.received for state in states),
        "credit_notes": total(state.settlement.credit_notes for state in states),
        "deposits": total(state.settlement.deposits for state in states),
        "converted": total(state.converted for state in states),
        "balance": total(state.balance for state in states),
        "outstanding": total(state.outstanding for state in states),
    }
    settled = sums["received"] + sums["credit_notes"] + sums["deposits"] - sums["converted"]
    require_same("all invoices", sums["total_ttc"], settled + sums["balance"])
    by_state = total(row.balance for row in state_totals(states))
    require_same("the balances by state", sums["balance"], by_state)
    return {"invoices": len(states), **{name: money(amount) for name, amount in sums.items()}}


def month_total(months: Sequence[MonthRow]) -> dict[str, Any]:
    """The sums of all months."""
    return {
        "month": "All",
        "movements": sum(row.movements for row in months),
        "received": money(total(row.received for row in months)),
        "paid_back": money(total(row.paid_back for row in months)),
        "net": money(total(row.net for row in months)),
    }


def check_sums(states: Sequence[PaymentState], shown: Sequence[PaymentState], moved: Sequence[Movement]) -> None:
    """Make sure that what is shown twice is the same: no row may get lost between two ways of adding up."""
    received = total(state.settlement.received for state in states)
    require_same("the money of all invoices", received, total(movement.amount for movement in moved))
    outstanding = total(state.outstanding for state in shown)
    require_same("the outstanding amounts", outstanding, ageing(shown).total)
    by_party = total(row.total for row in ageing_by_third_party(shown))
    require_same("the outstanding amounts by third party", outstanding, by_party)


def require_same(what: str, one: Decimal, other: Decimal) -> None:
    """Refuse to show figures that do not add up."""
    if abs(one - other) >= TOLERANCE:
        raise ErpError(f"Two sums of {what} differ ({money(one)} and {money(other)}): report it, no figure is shown.")


def compared_schedule(
    schedule: Sequence[Mapping[str, Any]], parties: Mapping[int, ThirdParty], moved: Iterable[Movement], today: date
) -> ScheduleReport | None:
    """The comparison with contractual instalments; None without any."""
    return compare_schedule(read_schedule(schedule, parties), moved, today) if schedule else None


def is_missed(result: InstalmentResult) -> bool:
    """Whether money of an instalment is missing although it is due."""
    return result.missing >= TOLERANCE and result.state in (InstalmentState.LATE, InstalmentState.SHORT)


def missed(result: InstalmentResult) -> Finding:
    """The finding of an instalment that was not met."""
    instalment = result.instalment
    return Finding(
        "schedule-missing",
        Severity.WARNING,
        instalment.third_party.name,
        f"{money(result.missing)} of the instalment of {money(instalment.amount)} due on {instalment.due} has not come:"
        f" ask {instalment.third_party.name} for it.",
        f"Il manque {french_money(result.missing)} de l'échéance de "
        f"{french_money(instalment.amount)} du {french_date(instalment.due)} : les demander à "
        f"{instalment.third_party.name}.",
    )
