# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pruning: a plan over what a prefix holds, and carrying it out so that a stopped run can always be run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import stamp
from ansible_collections.arcodange.erp.plugins.module_utils.backup.deletion import Deleter
from ansible_collections.arcodange.erp.plugins.module_utils.backup.holdings import (
    DATA_KEY,
    PLAN_FORMAT,
    Holdings,
    append_record,
    latest,
    list_all,
    manifests_in,
    read_manifest_holdings,
    records_in,
    records_of,
    seal,
    store_clock,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.holds import HOLD, RELEASE, Wish, read_holds
from ansible_collections.arcodange.erp.plugins.module_utils.backup.key_catalogue import (
    KEY_STATE,
    KeyTemplate,
    keys_in,
    parse_template,
    read_key_holdings,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import PREFIX as MANIFESTS
from ansible_collections.arcodange.erp.plugins.module_utils.backup.prune_options import PruneOptions
from ansible_collections.arcodange.erp.plugins.module_utils.backup.retention import (
    Decision,
    Plan,
    Policy,
    Refusal,
    Situation,
    canonical_json,
    decide,
    documents_needed_until,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.summaries import Summary, read_manifests
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.version import COLLECTION_VERSION

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Prepared:
    """A plan with what carrying it out would touch. ``finish`` are ids of sweeps that were interrupted."""

    holdings: Holdings
    plan: Plan
    now: datetime
    finish: tuple[str, ...]
    doomed: tuple[str, ...]
    waiting: tuple[str, ...]
    documents_kept: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return bool(self.plan.deletes or self.plan.revive or self.finish or self.holdings.uploads)

    @property
    def refused(self) -> bool:
        return self.plan.refused or bool(self.finish and self.plan.refusals)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Bytes of everything in the store, by key."""
        held = (*self.holdings.commits.values(), *self.holdings.objects.values())
        return {item.key: item.size for item in held}

    def size(self, keys: Iterable[str]) -> int:
        """Bytes that these keys take in the store."""
        return sum(self.sizes.get(key, 0) for key in keys)


@dataclass
class Done:
    """What a run did."""

    tombstoned: list[str] = field(default_factory=list)
    revived: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    kept_by_lock: dict[str, str] = field(default_factory=dict)
    changed_meanwhile: list[str] = field(default_factory=list)
    aborted_uploads: int = 0
    bytes_freed: int = 0


@dataclass(frozen=True)
class PruneResult:
    """The result of the module, and the lines of its diff."""

    facts: dict[str, Any]
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def diff(self) -> dict[str, str]:
        """The restore points before and after, as Ansible shows a diff."""
        return {
            "before_header": "restore points",
            "after_header": "restore points",
            "before": "".join(f"{line}\n" for line in self.before),
            "after": "".join(f"{line}\n" for line in self.after),
        }


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


def prune(store: Store, options: PruneOptions, check_mode: bool = False, clock: Clock = utc_now) -> PruneResult:
    """Plan, and unless in check mode apply. Raises ``Refused`` with the plan in its facts, or another ``ErpError``."""
    prepared = prepare(store, options, clock, may_write=not check_mode)
    if not check_mode and (prepared.finish or prepared.plan.ids("sweep")):
        # The cache may plan but never delete: before a sweep every manifest is read itself.
        prepared = prepare(store, options, clock, use_cache=False)
    if options.wishes:
        return _record_wishes(store, options, prepared, check_mode, clock)
    facts = describe(prepared)
    if options.plan_id is not None and options.plan_id != prepared.plan.plan_id:
        raise _refuse(facts, "plan_changed", "The plan is not the one that plan_id names: look at it again.")
    if prepared.refused and not check_mode:
        raise Refused(" ".join(refusal.sentence for refusal in prepared.plan.refusals), **facts)
    before = tuple(_lines(prepared, Done()))
    if check_mode:
        foreseen = Done() if prepared.refused else _foreseen(prepared)
        return PruneResult(facts, before, tuple(_lines(prepared, foreseen)))
    if not prepared.changes:
        return PruneResult(facts, before, before)
    if _current_seal(store, options) != prepared.holdings.seal:
        raise _refuse(facts, "catalogue_changed", "The catalogue changed while the plan was made: run again.")
    done = apply(store, prepared, options, clock)
    done.kept_by_lock = facts["kept_by_lock"] | done.kept_by_lock
    return PruneResult({**facts, **_done_facts(done)}, before, tuple(_lines(prepared, done)))


def _refuse(facts: dict[str, Any], code: str, sentence: str) -> Refused:
    refusals = [*facts["refusals"], {"code": code, "sentence": sentence}]
    return Refused(sentence, **{**facts, "changed": False, "outcome": "refused", "refusals": refusals})


def prepare(
    store: Store, options: PruneOptions, clock: Clock = utc_now, use_cache: bool = True, may_write: bool = False
) -> Prepared:
    """Read the prefix and decide; nothing is written but, with ``may_write``, what spares reading it all again."""
    if options.catalogue == "manifests":
        holdings = read_manifest_holdings(store, options.instance_id, clock(), use_cache, may_write)
    else:
        holdings = read_key_holdings(store, _template(options))
    runner_now = clock()
    store_now = store_clock(store, runner_now)
    problems = holdings.problems
    if store_now is None:
        problems += (Refusal("clock_unknown", "The store sends no Date header, so the clock cannot be checked."),)
    situation = Situation(store_now or runner_now, runner_now, holdings.last_prune, problems)
    plan = decide(holdings.points, options.policy, situation)
    candidates = [one.id for one in plan.decisions if one.action in ("tombstone", "sweep", "wait")]
    deleter = Deleter(store)
    locks = {ident: lock for ident in candidates if (lock := _lock_of(deleter, holdings, ident))}
    if locks:
        holdings = replace(holdings, points=tuple(replace(one, lock=locks.get(one.id, "")) for one in holdings.points))
        plan = decide(holdings.points, options.policy, situation)
    plan = replace(plan, alarms=(*plan.alarms, *holdings.alarms))
    return _measure(holdings, plan, options.policy, situation.now)


def _template(options: PruneOptions) -> KeyTemplate:
    if not options.key_template:
        raise ErpError("With catalogue=keys, the option key_template must say what the keys look like.")
    return parse_template(options.key_template, replace(options.policy, timezone=options.key_timezone).zone())


def _current_seal(store: Store, options: PruneOptions) -> str:
    """The seal of the catalogue as it is now: a new restore point, hold or any other fact changes it."""
    items = list_all(store)
    if options.catalogue == "manifests":
        return seal(manifests_in(items), records_in(items, "")[0])
    matched, _unmatched = keys_in(items, _template(options))
    return seal((item for item, _instant in matched.values()), records_in(items, KEY_STATE)[0])


def _lock_of(deleter: Deleter, holdings: Holdings, ident: str) -> str:
    """What locks a restore point: a lock on any one of its objects, shared ones included."""
    if not deleter.has_locks:
        return ""
    keys = {key for key in (*holdings.needs.get(ident, ()), *holdings.own.get(ident, ())) if key in holdings.objects}
    if ident in holdings.commits:
        keys.add(holdings.commits[ident].key)
    return next(iter(deleter.locks(sorted(keys)).values()), "")


def _measure(holdings: Holdings, plan: Plan, policy: Policy, now: datetime) -> Prepared:
    """Which objects go now, which after the grace, and which stay though no manifest lists them."""
    swept = set(plan.ids("sweep"))
    grace = timedelta(days=policy.grace_days)
    finish = tuple(
        ident
        for ident in sorted(holdings.half_swept)
        if any(not _needed_document(key, policy, now) for key in holdings.own.get(ident, ()))
        and _is_due(holdings, ident, now - grace)
    )
    doomed, kept = _sweepable(holdings, swept | set(finish), swept, policy, now)
    later = swept | set(plan.ids("wait")) | set(plan.ids("tombstone"))
    waiting, _kept = _sweepable(holdings, later | set(finish), later, policy, now)
    return Prepared(
        holdings=holdings,
        plan=plan,
        now=now,
        finish=tuple(ident for ident in finish if set(holdings.own.get(ident, ())) & set(doomed)),
        doomed=doomed,
        waiting=tuple(key for key in waiting if key not in set(doomed)),
        documents_kept=kept,
    )


def _is_due(holdings: Holdings, ident: str, before: datetime) -> bool:
    records = holdings.records.get(ident, ())
    tombstone = latest(records, "tombstone")
    return tombstone is not None and tombstone.instant <= before and ident not in holdings.held_remains


def _sweepable(
    holdings: Holdings, owners: set[str], removed: set[str], policy: Policy, now: datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Keys to delete once ``removed`` are no restore points any more, commits first and newest first; then what stays.

    An object goes when no remaining manifest lists it and what it was made for is gone, not merely unlisted.
    """
    marked = {key for ident, keys in holdings.needs.items() if ident not in removed for key in keys}
    failed = {one.id for one in holdings.points if one.state == "failed"}
    commits = [holdings.commits[ident].key for ident in sorted(removed, reverse=True) if ident in holdings.commits]
    gone, kept = [], []
    for ident in sorted(owners | (holdings.half_swept & set(holdings.own)), reverse=True):
        for key in holdings.own.get(ident, ()):
            if key in marked:
                continue
            if ident not in failed and _needed_document(key, policy, now):
                kept.append(key)
            elif ident in owners:
                gone.append(key)
    return (*commits, *gone), tuple(kept)


def _needed_document(key: str, policy: Policy, now: datetime) -> bool:
    """Whether an archive holds documents of a financial year that must still be readable."""
    match = DATA_KEY.fullmatch(key)
    if match is None or not key.startswith("docs/") or not key.endswith(".tar.zst"):
        return False
    stored = datetime.strptime(match["point"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    until = documents_needed_until(policy, stored)
    return until is not None and now.astimezone(policy.zone()).date() <= until


# -- applying ---------------------------------------------------------------------------------------------------------


def apply(store: Store, prepared: Prepared, options: PruneOptions, clock: Clock = utc_now) -> Done:
    """Carry a plan out: tombstones, then sweeps, then what stopped runs left, then the record of it all.

    Every step may be the last one of a run that is stopped; the next run goes on from there.
    """
    holdings, plan, done = prepared.holdings, prepared.plan, Done()
    now = store_clock(store, clock()) or clock()
    points = {one.id: one for one in holdings.points}
    at_once = [ident for ident in plan.ids("sweep") if points[ident].good and not points[ident].tombstoned_at]
    done.tombstoned = [*plan.ids("tombstone"), *at_once]
    done.revived = list(plan.revive)
    reasons = {one.id: one.reasons for one in plan.decisions}
    written = set()
    for kind, ids in (("undelete", done.revived), ("tombstone", done.tombstoned)):
        for ident in ids:
            written.add(_record(store, holdings, ident, kind, now, plan_id=plan.plan_id, reasons=reasons[ident]))
    _sweep(store, prepared, options, written, done)
    for upload in holdings.uploads:
        store.call("abort the upload of", upload.key, store.client.abort_multipart_upload, UploadId=upload.upload_id)
        done.aborted_uploads += 1
    if done.tombstoned or done.revived or done.swept:
        _write_plan(store, prepared, options, done, now)
    return done


def _sweep(store: Store, prepared: Prepared, options: PruneOptions, written: set[str], done: Done) -> None:
    """Delete commits, newest first, then what no remaining commit needs; whatever is locked stays whole."""
    holdings, deleter = prepared.holdings, Deleter(store)
    for ident in reversed([*prepared.finish, *prepared.plan.ids("sweep")]):
        if lock := _lock_of(deleter, holdings, ident):
            done.kept_by_lock[ident] = lock
        elif not _as_planned(store, holdings, ident, written):
            done.changed_meanwhile.append(ident)
        else:
            done.swept.append(ident)
            if ident in holdings.commits:
                _delete(deleter, prepared, holdings.commits[ident].key, done)
    removed = set(done.swept)
    if not removed or holdings.state:
        return
    # Marked again after the manifests went: a backup that committed meanwhile must find what it points to.
    commits = {one.key for one in holdings.commits.values()}
    newer = [item for item in store.list(MANIFESTS) if item.key not in commits]
    needs = dict(holdings.needs)
    for one in read_manifests(store, newer):
        if not isinstance(one, Summary):
            raise one
        needs[one.id] = tuple(key for key, _size, _digest in one.objects)
    keys, _kept = _sweepable(replace(holdings, needs=needs), removed, removed, options.policy, prepared.now)
    for key in keys:
        if key not in commits:
            _delete(deleter, prepared, key, done)


def _as_planned(store: Store, holdings: Holdings, ident: str, written: set[str]) -> bool:
    """Whether nobody else recorded anything about a restore point since the plan: a long sweep must see a new hold."""
    found = {item.key for item in store.list(records_of(holdings.state, ident))}
    return found - written == {one.key for one in holdings.records.get(ident, ())}


def _delete(deleter: Deleter, prepared: Prepared, key: str, done: Done) -> None:
    deleter.delete(key)
    done.deleted.append(key)
    done.bytes_freed += prepared.size([key])


def _record(store: Store, holdings: Holdings, ident: str, kind: str, now: datetime, **body: Any) -> str:
    return append_record(store, holdings.state, holdings.records.get(ident, ()), ident, kind, now, body).key


def _write_plan(store: Store, prepared: Prepared, options: PruneOptions, done: Done, now: datetime) -> None:
    """Leave what was decided and done, linked to the plan before it."""
    plan = prepared.plan
    policy = {
        name: [one.isoformat() for one in value] if name == "financial_year_closes" else value
        for name, value in asdict(options.policy).items()
    }
    document = {
        "format": PLAN_FORMAT,
        "format_version": 1,
        "collection": COLLECTION_VERSION,
        "instant": now.isoformat(timespec="microseconds"),
        "previous": prepared.holdings.last_plan,
        "plan_id": plan.plan_id,
        "anchor": {"id": plan.anchor, "instant": plan.anchor_instant.isoformat() if plan.anchor_instant else None},
        "policy": policy,
        "decisions": [one.as_dict() for one in plan.decisions],
        "done": asdict(done),
    }
    store.put_once(f"{prepared.holdings.state}plans/{stamp(now)}.json", canonical_json(document).encode())


# -- wishes -----------------------------------------------------------------------------------------------------------


def _record_wishes(
    store: Store, options: PruneOptions, prepared: Prepared, check_mode: bool, clock: Clock
) -> PruneResult:
    """Record holds and their like; each one that holds already is left as it is."""
    due = list(_due_wishes(store, options, prepared.holdings))
    before = tuple(_lines(prepared, Done()))
    if check_mode or not due:
        facts = describe(prepared)
    else:
        now = store_clock(store, clock()) or clock()
        for kind, ident in due:
            wish = _wish(options, kind)
            _record(store, prepared.holdings, ident, kind, now, **(wish.body() if wish else {"reason": options.reason}))
        prepared = prepare(store, options, clock)
        facts = describe(prepared)
    facts |= {"changed": bool(due), "outcome": "done" if due else "unchanged"}
    facts |= {"recorded": [{"kind": kind, "id": ident} for kind, ident in due]}
    return PruneResult(facts, before, tuple(sorted([*before, *(f"{ident} {kind}" for kind, ident in due)])))


def _wish(options: PruneOptions, kind: str) -> Wish | None:
    if kind not in (HOLD, RELEASE):
        return None
    return Wish(kind, options.holder or "", options.reason or "", options.review if kind == HOLD else None)


def _due_wishes(store: Store, options: PruneOptions, holdings: Holdings) -> Iterator[tuple[str, str]]:
    if options.hold and not options.reason:
        raise ErpError("A hold needs a reason: say in the option reason why these restore points must stay.")
    opposite = {"undelete": "tombstone", "tombstone": "undelete"}
    for kind, ids in options.wishes.items():
        wish = _wish(options, kind)
        for ident in sorted(set(ids)):
            records = holdings.records.get(ident, ())
            if kind == "tombstone":
                if ident in holdings.commits:
                    raise ErpError(f"The restore point {ident} is there: it cannot be declared lost.")
                if not records and ident not in _missing(holdings):
                    raise ErpError(f"Nothing names a restore point {ident}: correct declare_lost.")
            elif ident not in holdings.commits:
                raise ErpError(f"There is no restore point {ident}: correct the option {kind}.")
            if wish is not None:
                if wish.is_due(read_holds(store, records)):
                    yield kind, ident
                continue
            last = latest(records, kind, opposite[kind])
            stands = last is not None and last.kind == kind
            needless = kind == "undelete" and last is None
            if not stands and not needless:
                yield kind, ident


def _missing(holdings: Holdings) -> set[str]:
    return {refusal.subject for refusal in holdings.problems if refusal.code == "missing"}


# -- results ----------------------------------------------------------------------------------------------------------


def describe(prepared: Prepared) -> dict[str, Any]:
    """The plan as facts: what the module returns when it only looked."""
    plan, holdings = prepared.plan, prepared.holdings
    outcome = "refused" if prepared.refused else "done" if prepared.changes else "unchanged"
    decisions = [*plan.decisions, *(_finish(ident) for ident in prepared.finish)]
    return {
        "changed": prepared.changes and not prepared.refused,
        "outcome": outcome,
        "plan_id": plan.plan_id,
        "anchor": plan.anchor,
        "plan": [one.as_dict() for one in decisions],
        "kept": len(plan.ids("keep")),
        "waiting": len(plan.ids("wait")),
        "ignored": len(plan.ids("ignore")),
        "tombstoned": len(plan.ids("tombstone")),
        "swept": len(plan.ids("sweep")) + len(prepared.finish),
        "bytes_freed": prepared.size(prepared.doomed),
        "bytes_after_grace": prepared.size(prepared.waiting),
        "documents_kept": list(prepared.documents_kept),
        "refusals": [{"code": one.code, "sentence": one.sentence} for one in plan.refusals],
        "alarms": list(plan.alarms),
        "unmatched": list(holdings.unmatched),
        "kept_by_lock": {one.id: one.lock for one in holdings.points if one.lock},
        "aborted_uploads": len(holdings.uploads),
    }


def _finish(ident: str) -> Decision:
    return Decision(ident, "sweep", ("its manifest was swept before; what is left of it goes now",))


def _done_facts(done: Done) -> dict[str, Any]:
    changed = bool(done.tombstoned or done.revived or done.swept or done.aborted_uploads)
    return {
        "changed": changed,
        "outcome": "done" if changed else "unchanged",
        "tombstoned": len(done.tombstoned),
        "swept": len(done.swept),
        "bytes_freed": done.bytes_freed,
        "kept_by_lock": done.kept_by_lock,
        "changed_meanwhile": done.changed_meanwhile,
        "aborted_uploads": done.aborted_uploads,
    }


def _foreseen(prepared: Prepared) -> Done:
    plan = prepared.plan
    return Done(
        tombstoned=plan.ids("tombstone"), revived=list(plan.revive), swept=[*plan.ids("sweep"), *prepared.finish]
    )


def _lines(prepared: Prepared, done: Done) -> Iterator[str]:
    """One line for each restore point, as a diff shows it."""
    for point in prepared.holdings.points:
        if point.id in done.swept:
            continue
        marked = (point.tombstoned_at is not None or point.id in done.tombstoned) and point.id not in done.revived
        yield f"{point.id} tombstone" if marked else point.id
    for ident in prepared.finish:
        if ident not in done.swept:
            yield f"{ident} remains of a sweep"
