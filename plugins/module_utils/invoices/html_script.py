# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script of the audit's page: language, sorting, filtering, and the results of the invoice that is opened.

It makes text and never HTML: the policy of the page (trusted types) would refuse anything else.
"""

from __future__ import annotations

SCRIPT = r"""
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const data = (id) => JSON.parse(document.getElementById(id).textContent);
  const languages = data("words");
  const results = data("results");
  const root = document.documentElement;
  let language = "fr";
  let texts = languages.fr;

  const word = (key) => texts.words[key] ?? key;

  // Amounts and days stay text: nothing is rounded on the way.
  const amount = (value) => {
    const [, sign, whole, cents] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value) ?? [];
    if (whole === undefined) return value;
    const [space, point] = language === "fr" ? ["\u202f", ","] : [",", "."];
    return (sign && "\u2212") + whole.replace(/\B(?=(\d{3})+$)/g, space) + (cents ? point + cents : "");
  };
  const day = (value) => {
    const form = /^(\d{4})-(\d\d)(?:-(\d\d))?(?:T(\d\d:\d\d)(?::[\d.]+(\+00:00)?)?)?/;
    const [, year, month, date, time, isUtc] = form.exec(value) ?? [];
    if (year === undefined) return value;
    if (date === undefined) return `${texts.months[month - 1]} ${year}`;
    const shown = language === "fr" ? `${date}/${month}/${year}` : `${year}-${month}-${date}`;
    return shown + (time ? ` ${time}` : "") + (isUtc ? " UTC" : "");
  };
  const show = (element) => {
    const { t, d, n } = element.dataset;
    const parts = [];
    if (t !== undefined) parts.push(word(t));
    if (d !== undefined) parts.push(day(d));
    if (n !== undefined) parts.push(amount(n));
    if (parts.length > 1 || element.childElementCount === 0) {
      element.textContent = parts.join(language === "fr" ? "\u00a0: " : ": ");
    } else {
      element.firstChild.data = parts[0];
    }
  };

  const tell = (element) => { element.textContent = element.dataset[language]; };

  // On a narrow screen every cell says what it is.
  const nameCells = (table) => {
    const headings = all(":scope > thead th", table).map((heading) => heading.textContent);
    for (const row of all(":scope > tbody > tr:not(.detail), :scope > tfoot > tr", table)) {
      [...row.cells].forEach((cell, place) => { if (headings[place]) cell.dataset.heading = headings[place]; });
    }
  };

  const speak = (chosen) => {
    language = chosen;
    texts = languages[chosen];
    root.lang = chosen;
    document.title = document.title.replace(/^.*? — /, `${word("title")} — `);
    all("[data-t], [data-d], [data-n]").forEach(show);
    all("[data-en]").forEach(tell);
    all("[data-placeholder]").forEach((input) => {
      input.placeholder = word(input.dataset.placeholder);
      input.ariaLabel = input.placeholder;
    });
    all("[data-title]").forEach((element) => { element.title = word(element.dataset.title); });
    all("[data-label]").forEach((element) => { element.ariaLabel = word(element.dataset.label); });
    all("[data-language]").forEach((button) => { button.ariaPressed = String(button.dataset.language === chosen); });
    all("table.grid").forEach(nameCells);
    seen.clear();
  };

  const items = (table) => all(".item", table);
  const key = (item, place, isFigure) => {
    const cell = (item.tagName === "TBODY" ? item.rows[0] : item).cells[place];
    const value = cell.dataset.v ?? cell.textContent;
    return isFigure ? (value === "" ? -Infinity : Number(value)) : value;
  };
  const sort = (heading) => {
    const table = heading.closest("table");
    const place = heading.cellIndex;
    const isFigure = heading.dataset.sort === "figure";
    const turn = heading.ariaSort === "ascending" ? -1 : 1;
    const { compare } = new Intl.Collator(language, { numeric: true });
    const keyed = items(table).map((item) => [key(item, place, isFigure), item]);
    keyed.sort(([one], [other]) => turn * (isFigure ? (one > other) - (one < other) : compare(one, other)));
    all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", turn > 0 ? "ascending" : "descending");
    const foot = table.tFoot;
    for (const [, item] of keyed) {
      if (item.tagName === "TBODY") table.insertBefore(item, foot);
      else table.tBodies[0].append(item);
    }
  };

  // The words of every row, in the language that is shown.
  const seen = new Map();
  const plain = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replace(/[\u202f\u00a0]/g, " ");
  const textOf = (item) => {
    if (!seen.has(item)) seen.set(item, plain(item.textContent));
    return seen.get(item);
  };
  const filter = (tools) => {
    const table = document.getElementById(tools.dataset.for);
    const words = plain(tools.querySelector("input").value).split(/\s+/);
    const chosen = all("select", tools).filter((select) => select.value);
    let count = 0;
    for (const item of items(table)) {
      const isShown = chosen.every((select) => item.getAttribute(`data-is-${select.dataset.filter}`) === select.value)
        && words.every((one) => textOf(item).includes(one));
      item.hidden = !isShown;
      count += isShown;
    }
    tools.querySelector("output b").textContent = count;
  };
  const choose = (section, choices) => {
    const tools = section.querySelector(".tools");
    if (!tools) return;
    tools.querySelector("input").value = "";
    for (const select of all("select", tools)) select.value = choices.get(select.dataset.filter) ?? "";
    filter(tools);
  };

  const make = (tag, look, ...children) => {
    const element = document.createElement(tag);
    if (look) element.className = look;
    element.append(...children);
    return element;
  };
  const said = (tag, name, look) => {
    const element = make(tag, look);
    element.dataset.t = name;
    show(element);
    return element;
  };
  const title = (rule) => {
    const name = results.rules[rule];
    return `check.${name}` in texts.words ? said("strong", `check.${name}`) : make("strong", "", name);
  };
  const result = ([rule, status, severity, message, evidence, sources]) => {
    const told = make("div", "found", title(rule));
    if (results.sentences[message].en) {
      const sentence = make("p");
      Object.assign(sentence.dataset, results.sentences[message]);
      tell(sentence);
      told.append(sentence);
    }
    if (evidence.length) {
      told.append(make("ul", "evidence", ...evidence.map(([text, page]) =>
        make("li", "", make("q", "", text), " ", ...(page ? [said("span", "page"), ` ${page}`] : [said("span", "from-data")])))));
    }
    if (sources.length) told.append(make("p", "sources", sources.map((source) => results.sources[source]).join(" · ")));
    const badge = status === "fail" ? said("span", `severity.${severity}`, `badge ${severity}`)
      : said("span", `status.${status}`, `badge ${status}`);
    return make("div", "result", badge, told);
  };
  const unfold = (item) => {
    const found = results.invoices[item.dataset.results];
    const shown = found.filter(([, status]) => status !== "not_applicable").map(result);
    const idle = found.filter(([, status]) => status === "not_applicable").map(([rule]) => title(rule));
    if (idle.length) {
      const list = make("p", "sources");
      idle.forEach((one, place) => list.append(...(place ? [" · ", one] : [one])));
      shown.push(make("div", "result", said("span", "status.not_applicable", "badge"), list));
    }
    const cell = make("td", "", ...shown);
    cell.colSpan = item.rows[0].cells.length;
    item.append(make("tr", "detail", cell));
  };
  const open = (item, isOpen) => {
    if (isOpen && item.dataset.results && item.rows.length === 1) unfold(item);
    item.classList.toggle("open", isOpen);
    item.querySelector(".opener").ariaExpanded = String(isOpen);
  };

  // A link to an invoice opens it, also where a filter hides it.
  const arrive = () => {
    const item = location.hash.startsWith("#invoice-") && document.getElementById(location.hash.slice(1));
    if (!item) return;
    if (item.hidden) choose(item.closest("section"), new Map());
    open(item, true);
    item.scrollIntoView();
  };

  document.addEventListener("click", (event) => {
    const { target } = event;
    const heading = target.closest("th[data-sort]");
    if (heading) return sort(heading);
    const button = target.closest("[data-language]");
    if (button) {
      speak(button.dataset.language);
      try { localStorage.setItem("language", language); } catch { /* the browser keeps nothing of files */ }
      return;
    }
    const link = target.closest("a");
    if (link) {
      if (link.dataset.choose) choose(document.querySelector(link.hash), new URLSearchParams(link.dataset.choose));
      if (link.hash && link.hash === location.hash) arrive();
      return;
    }
    const item = target.closest("tbody.item");
    if (item && !target.closest(".detail") && !String(getSelection())) open(item, !item.classList.contains("open"));
  });
  document.addEventListener("keydown", (event) => {
    const heading = event.target.closest("th[data-sort]");
    if (!heading || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    sort(heading);
  });
  for (const tools of all(".tools")) {
    // Letter by letter, and when a browser empties a field or picks a choice by itself.
    for (const kind of ["input", "change"]) tools.addEventListener(kind, () => filter(tools));
  }
  document.getElementById("print").addEventListener("click", () => print());
  addEventListener("hashchange", arrive);
  // What is folded would be missing on paper.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    folded.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((one) => { one.open = false; }));

  root.classList.add("scripted");
  let kept = null;
  try { kept = localStorage.getItem("language"); } catch { /* as above */ }
  speak(kept in languages ? kept : navigator.language.startsWith("fr") ? "fr" : "en");
  arrive();
})();
"""
