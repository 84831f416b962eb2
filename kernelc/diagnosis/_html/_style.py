"""The look of a page: for wide and narrow windows, paper, light and dark."""

STYLE = """
:root { color-scheme: light dark; --fg: #1d2430; --soft: #5a6473; --bg: #fff; --card: #f5f6f8;
  --line: #d5d9e0; --critical: #b3261e; --warning: #8a5a00; --note: #2f5d8a; --fine: #226b3a; }
@media (prefers-color-scheme: dark) { :root { --fg: #e4e7ec; --soft: #a3adba; --bg: #14181f;
  --card: #1e242d; --line: #39424f; --critical: #ff8a80; --warning: #f2b84b; --note: #8fbfee;
  --fine: #7fd399; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; color: var(--fg);
  background: var(--bg); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; }
a { color: var(--note); }
.lead { font-size: 1.1rem; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.card { background: var(--card); border: 1px solid var(--line); border-left-width: 5px;
  border-radius: 4px; padding: .75rem 1rem; margin: 0 0 1rem; break-inside: avoid; }
.critical { border-left-color: var(--critical); } .critical b { color: var(--critical); }
.warning { border-left-color: var(--warning); } .warning b { color: var(--warning); }
.note { border-left-color: var(--note); } .note b { color: var(--note); }
.fine { border-left-color: var(--fine); }
dl { display: grid; grid-template-columns: 7rem 1fr; gap: .25rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
pre { margin: .25rem 0; white-space: pre-wrap; }
code { font: .9rem/1.4 ui-monospace, monospace; }
pre.copy { padding: .4rem .6rem; border: 1px solid var(--line); border-radius: 4px;
  background: var(--bg); user-select: all; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child { text-align: left; } tbody th { font-weight: 500; }
td.text { text-align: left; white-space: normal; min-width: 12rem; }
.formula { overflow-x: auto; padding: .6rem 0; }
math { font: 1.1rem math, "Latin Modern Math", "STIX Two Math", "Cambria Math",
  "DejaVu Math TeX Gyre", serif; } math[display="block"] { width: max-content; margin: 0; }
mtd { text-align: left; padding: .2rem .3rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 1.25rem; }
figure { margin: 0; break-inside: avoid; } figure.double { grid-column: 1 / -1; }
figure svg { width: 100%; height: auto; background: #fff; border: 1px solid var(--line);
  border-radius: 4px; }
figure.double svg { max-width: 54rem; }
@media (max-width: 36rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .5rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  .wide, .formula { overflow: visible; } h2, h3 { break-after: avoid; } }
"""
