# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The style of the audit's page: calm on a screen, light or dark, narrow or wide, and on paper."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light;
  --paper: #f6f5f1; --card: #fff; --ink: #222b33; --soft: #5d6873; --line: #e3e0d8; --hover: #faf8f3;
  --accent: #2c5a78; --error: #a9372c; --warning: #94640f; --info: #44698a; --pass: #2d7352; --undetermined: #685f85;
  --error-bg: #fbecea; --warning-bg: #fbf2de; --info-bg: #e9f0f6; --pass-bg: #e6f2ec; --undetermined-bg: #efedf5;
  --quiet-bg: #efede7; --bar-a: #3d7397; --bar-b: #d49a6a; --bar-c: #2b3640; --track: #edebe4;
  --age0: #7ba892; --age1: #d8b65c; --age2: #d2904a; --age3: #c46a42; --age4: #a9372c; --age5: #8d9aa6;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    color-scheme: dark;
    --paper: #14181c; --card: #1c2227; --ink: #e3e7ea; --soft: #9aa6b0; --line: #2e363d; --hover: #222930;
    --accent: #86b6d6; --error: #ee968c; --warning: #e2b96a; --info: #93badb; --pass: #82c9a5; --undetermined: #b9b0d6;
    --error-bg: #3b2321; --warning-bg: #382d18; --info-bg: #1f2f3c; --pass-bg: #1b3329; --undetermined-bg: #2b2838;
    --quiet-bg: #272e34; --bar-a: #6ca3c6; --bar-b: #c98f60; --bar-c: #e3e7ea; --track: #2a3138;
    --age0: #6d9d85; --age1: #cfae58; --age2: #cc8c49; --age3: #c77450; --age4: #d9675b; --age5: #7d8a96;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif;
  font-size: 15px; overflow-wrap: break-word; }
header, nav, main, footer { max-width: 1200px; margin: 0 auto; padding: 0 24px; }
p { margin: 0; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
header { display: flex; flex-wrap: wrap; gap: 12px 24px; justify-content: space-between; padding-top: 32px;
  padding-bottom: 12px; color: var(--soft); font-size: 14px; }
header .seller { color: var(--ink); }
h1 { margin: 0 0 6px; color: var(--ink); font-size: 27px; font-weight: 650; letter-spacing: -.012em; line-height: 1.2; }
h2 { margin: 0 0 16px; font-size: 20px; font-weight: 640; letter-spacing: -.008em; }
h3 { margin: 28px 0 10px; font-size: 15px; font-weight: 620; }
.buttons { display: flex; gap: 6px; align-items: flex-start; }
.buttons button { padding: 5px 12px; border: 1px solid var(--line); border-radius: 7px; background: var(--card);
  color: var(--soft); font: inherit; font-size: 13px; cursor: pointer; }
.buttons button:hover { color: var(--ink); }
.buttons [aria-pressed="true"] { border-color: var(--accent); color: var(--accent); font-weight: 600; }
html:not(.scripted) .buttons, html:not(.scripted) .tools { display: none; }
nav { position: sticky; top: 0; z-index: 2; display: flex; gap: 4px 22px; padding-top: 11px; padding-bottom: 11px;
  overflow-x: auto; background: var(--paper); border-bottom: 1px solid var(--line); font-size: 14px; white-space: nowrap; }
nav a { color: var(--soft); }
nav a:hover { color: var(--ink); }
section { margin: 26px 0; padding: 24px 26px 26px; border: 1px solid var(--line); border-radius: 12px;
  background: var(--card); scroll-margin-top: 58px; }
tbody, tr { scroll-margin-top: 70px; }

.verdict { border-left: 5px solid var(--tone); --tone: var(--pass); }
.verdict.error { --tone: var(--error); }
.verdict.warning { --tone: var(--warning); }
.verdict.undetermined { --tone: var(--undetermined); }
.verdict .level { margin-bottom: 2px; color: var(--tone); font-size: 23px; font-weight: 650; letter-spacing: -.01em; }
.counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 10px; margin: 20px 0 0;
  padding: 0; list-style: none; }
.counts a { display: block; height: 100%; padding: 12px 14px; border-radius: 9px; background: var(--quiet-bg);
  color: var(--soft); font-size: 13px; line-height: 1.35; }
.counts a:hover { text-decoration: none; color: var(--ink); }
.counts b { display: block; color: var(--ink); font-size: 25px; font-weight: 620; font-variant-numeric: tabular-nums; }
.counts .error a { background: var(--error-bg); } .counts .error b { color: var(--error); }
.counts .warning a { background: var(--warning-bg); } .counts .warning b { color: var(--warning); }
.counts .info a { background: var(--info-bg); } .counts .info b { color: var(--info); }
.counts .undetermined a { background: var(--undetermined-bg); } .counts .undetermined b { color: var(--undetermined); }

.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 30px 48px; }
.chart { margin: 0; min-width: 0; }
figcaption { margin-bottom: 8px; font-weight: 620; }
.chart svg { display: block; width: 100%; height: auto; overflow: visible; font-size: 11px; }
.chart text { fill: var(--soft); font-variant-numeric: tabular-nums; }
.chart .label { font-size: 12.5px; fill: var(--ink); }
.end { text-anchor: end; } .middle { text-anchor: middle; }
line.grid { stroke: var(--line); } line.zero { stroke: var(--soft); stroke-opacity: .6; }
.track { fill: var(--track); }
rect.a { fill: var(--bar-a); } rect.b { fill: var(--bar-b); }
polyline.c { fill: none; stroke: var(--bar-c); stroke-width: 1.1; stroke-linejoin: round; stroke-opacity: .45; }
circle.c { fill: var(--card); stroke: var(--bar-c); stroke-width: 1.4; }
rect.age0 { fill: var(--age0); } rect.age1 { fill: var(--age1); } rect.age2 { fill: var(--age2); }
rect.age3 { fill: var(--age3); } rect.age4 { fill: var(--age4); } rect.age5 { fill: var(--age5); }
rect.error { fill: var(--age4); } rect.warning { fill: var(--age1); } rect.info { fill: var(--bar-a); }
.legend { display: flex; gap: 16px; margin: -4px 0 8px; padding: 0; list-style: none; color: var(--soft); font-size: 12.5px; }
.legend li::before { content: ""; display: inline-block; width: 10px; height: 10px; margin-right: 6px; border-radius: 2px; }
.legend .a::before { background: var(--bar-a); } .legend .b::before { background: var(--bar-b); }
.legend .error::before { background: var(--age4); } .legend .warning::before { background: var(--age1); }
.legend .info::before { background: var(--bar-a); }
.legend .c::before { height: 2px; margin-bottom: 3px; background: var(--bar-c); }

.tools { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin-bottom: 12px; color: var(--soft);
  font-size: 13px; }
.tools input, .tools select { padding: 6px 10px; border: 1px solid var(--line); border-radius: 7px;
  background: var(--card); color: var(--ink); font: inherit; }
.tools input { flex: 1 1 180px; max-width: 300px; min-width: 0; }
.tools select { margin-left: 6px; }
.tools output { margin-left: auto; font-variant-numeric: tabular-nums; }
.tools output b { font-weight: 600; color: var(--ink); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th { padding: 0 9px 7px; border-bottom: 1px solid var(--line); color: var(--soft); font-size: 12.5px; font-weight: 550;
  text-align: left; vertical-align: bottom; }
th [role] { cursor: pointer; }
th [role]:hover { color: var(--ink); }
th [role]::after { content: "↕"; margin-left: 4px; opacity: .35; font-size: 11px; }
th[aria-sort] [role] { color: var(--ink); }
th[aria-sort="ascending"] [role]::after { content: "↑"; opacity: 1; }
th[aria-sort="descending"] [role]::after { content: "↓"; opacity: 1; }
td { padding: 9px 9px; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { padding-left: 0; } th:last-child, td:last-child { padding-right: 0; }
tbody:last-of-type tr:last-child td { border-bottom: 0; }
tfoot td { border-top: 1.5px solid var(--soft); border-bottom: 0; font-weight: 620; }
.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.figure { white-space: normal; }
.day, .subject { white-space: nowrap; } .subject { font-weight: 560; }
#findings-table th:nth-child(-n+2) { width: 1%; }
#third-parties-table .subject, #findings-table .subject { white-space: normal; }
small { display: block; color: var(--soft); font-size: 12px; font-weight: 400; }
.badge { display: inline-block; padding: 1px 9px; border-radius: 99px; background: var(--quiet-bg); color: var(--soft);
  font-size: 12.5px; font-weight: 560; line-height: 1.55; white-space: nowrap; }
.badge.error, .badge.fail, .badge.missing, .badge.unpaid { background: var(--error-bg); color: var(--error); }
.badge.warning, .badge.unreadable, .badge.partial, .badge.overpaid, .badge.closed-short, .badge.finished {
  background: var(--warning-bg); color: var(--warning); }
.badge.info { background: var(--info-bg); color: var(--info); }
.badge.pass, .badge.ok, .badge.active { background: var(--pass-bg); color: var(--pass); }
.badge.undetermined { background: var(--undetermined-bg); color: var(--undetermined); }
.found { width: 66%; min-width: 320px; } .found strong { font-weight: 600; }
.found p, .evidence { max-width: 78ch; }
.evidence { margin: 4px 0 0; padding: 0; list-style: none; font-size: 13.5px; }
.evidence li { padding-left: 10px; border-left: 2px solid var(--line); color: var(--soft); }
q { color: var(--ink); font-style: italic; } q { quotes: "« " " »"; }
.sources { margin-top: 3px; color: var(--soft); font-size: 13px; }
.part { color: var(--soft); font-size: 13px; white-space: nowrap; }
.accepted { margin-top: 6px; padding: 5px 10px; border-radius: 7px; background: var(--quiet-bg); font-size: 13px; }
.gaps, .notes { margin: 0; padding: 0; list-style: none; }
.gaps li { padding: 9px 0 9px 14px; border-left: 3px solid var(--undetermined-bg); }
.gaps li + li { margin-top: 6px; }
.notes li { padding: 2px 0; color: var(--soft); font-size: 13.5px; }
summary { margin: 10px 0; color: var(--accent); cursor: pointer; }
.lead { margin: -10px 0 16px; font-size: 13.5px; }
.nothing { color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 10px; margin: 0; }
.facts div { display: flex; flex-direction: column; justify-content: space-between; gap: 2px; }
.facts dt { color: var(--soft); font-size: 13px; }
.facts dd { margin: 0; font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; }
.exact { color: var(--pass); } .inexact { color: var(--error); font-weight: 600; }
.opens .item > tr:first-child { cursor: pointer; }
.opens .item > tr:first-child:hover td { background: var(--hover); }
.opener { padding: 0; border: 0; background: none; color: inherit; font: inherit; cursor: pointer; }
.scripted .opener::before { content: "›"; display: inline-block; width: 13px; color: var(--soft); }
.opener[aria-expanded="true"]::before { transform: rotate(90deg) translateX(1px); }
.card { margin-left: 6px; }
.scripted .item:not(.open) > .detail { display: none; }
.detail > td { padding: 4px 0 20px 13px; }
.inner { width: auto; min-width: 60%; margin: 2px 0; font-size: 13px; }
.inner td, .inner th { padding: 3px 18px 3px 0; border: 0; }
.inner .figure { padding-left: 18px; padding-right: 0; }
.results { word-spacing: 2px; }
.dot { display: inline-block; min-width: 26px; padding: 0 6px; border-radius: 5px; font-size: 12.5px; text-align: center; }
.dot.error { background: var(--error-bg); color: var(--error); }
.dot.warning { background: var(--warning-bg); color: var(--warning); }
.dot.info { background: var(--info-bg); color: var(--info); }
.dot.undetermined { background: var(--undetermined-bg); color: var(--undetermined); }
.dot.pass { background: var(--pass-bg); color: var(--pass); }
.dot.not_applicable { background: var(--quiet-bg); color: var(--soft); }
.result { display: grid; grid-template-columns: 118px 1fr; gap: 2px 12px; padding: 7px 0; border-top: 1px solid var(--line); }
.result:first-child { border-top: 0; }
.result .badge { justify-self: start; align-self: start; }
[hidden] { display: none !important; }
footer { padding-top: 6px; padding-bottom: 48px; color: var(--soft); font-size: 13px; }

@media screen and (max-width: 720px) {
  header, nav, main, footer { padding-left: 14px; padding-right: 14px; }
  header { padding-top: 20px; }
  section { margin: 14px 0; padding: 18px 15px; border-radius: 10px; }
  #print { display: none; }
  .tools input { flex-basis: 100%; max-width: none; }
  .tools output { margin-left: 0; }
  .counts { grid-template-columns: 1fr 1fr; }
  .facts { grid-template-columns: 1fr 1fr; gap: 14px; }
  .scripted .grid, .scripted .grid > tbody, .scripted .grid > tfoot, .scripted .grid > tbody > tr,
  .scripted .grid > tfoot > tr { display: block; }
  .scripted .grid > thead { display: none; }
  .scripted .grid > tbody > tr, .scripted .grid > tfoot > tr { padding: 10px 0; border-bottom: 1px solid var(--line); }
  .scripted .grid > tbody > tr > td, .scripted .grid > tfoot > tr > td { display: flex; flex-wrap: wrap;
    gap: 0 6px; justify-content: flex-end; padding: 2px 0; border: 0; text-align: right; white-space: normal; }
  .scripted .grid > tbody > tr > td:empty, .scripted .grid > tfoot > tr > td:empty { display: none; }
  .scripted .grid > * > tr > td[data-heading]::before { content: attr(data-heading); flex: none; margin-right: auto;
    padding-right: 10px; color: var(--soft); font-size: 13px; font-weight: 400; text-align: left; }
  .chart svg { font-size: 14px; } .chart .label { font-size: 15.5px; }
  .scripted .grid > tbody > tr > td.found { display: block; width: auto; min-width: 0; text-align: left; }
  .scripted .grid > tbody > tr > td.found::before { display: none; }
  .scripted .grid > tbody > tr.detail > td { display: block; overflow-x: auto; text-align: left; }
  .scripted .grid > tbody.item { border-bottom: 1px solid var(--line); }
  .scripted .grid > tbody.item > tr { border-bottom: 0; }
  .scripted .item:not(.open) > tr.detail { display: none; }
  .result { grid-template-columns: 1fr; }
}

@media print {
  @page { size: A4; margin: 15mm 14mm; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  :root { --paper: #fff; --hover: #fff; }
  body { font-size: 9.5pt; }
  header, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  header { padding-top: 0; }
  nav, .buttons, .tools, .card, .lead, summary, th [role]::after, .scripted .opener::before { display: none; }
  section { margin: 0 0 9mm; padding: 0; border: 0; }
  .verdict { padding-left: 5mm; border-left: 4px solid var(--tone); }
  h1 { font-size: 19pt; } h2 { font-size: 14pt; break-after: avoid; } h3 { break-after: avoid; font-size: 10.5pt; }
  .level { font-size: 15pt; }
  .counts { grid-template-columns: repeat(auto-fit, minmax(26mm, 1fr)); gap: 2mm; } .counts a { padding: 2mm 3mm; } .counts b { font-size: 14pt; }
  .charts { grid-template-columns: 1fr 1fr; gap: 6mm 9mm; }
  .chart, li, .result { break-inside: avoid; }
  table { font-size: 8.5pt; } td { padding: 1.4mm 2mm; } th { padding: 0 2mm 1mm; }
  .badge, small, .sources, .evidence, .part, .accepted, .notes li { font-size: 8pt; }
  .found { min-width: 0; } .scroll { overflow: visible; }
  thead { display: table-header-group; break-inside: avoid; } tfoot { display: table-row-group; }
  tr { break-inside: avoid; }
  .detail > td { padding-left: 6mm; }
  .detail, .detail tr { break-inside: auto; }
  a { color: inherit; }
}
"""
