<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Back-test: ${words.count(report["baskets"])} baskets</title>
<style>
  :root { --real: #8a94a6; --draft: #1f6feb; --gain: #1a7f37; --loss: #cf222e; --ink: #1c2128; --line: #d8dee4; }
  body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
  h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
  .sub { color: #57606a; } .num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  .cards { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.25rem 0; }
  .card { border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; min-width: 10rem; flex: 1; }
  .card b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
  table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
  td { overflow-wrap: anywhere; } td.num { overflow-wrap: normal; }
  th { font-weight: 600; color: #57606a; } th.num { text-align: right; }
  summary { cursor: pointer; margin: .75rem 0; color: #57606a; }
  .bars { width: 230px; } .bar { height: 9px; border-radius: 2px; margin: 2px 0; }
  .real { background: var(--real); } .draft { background: var(--draft); }
  .key span { display: inline-block; width: 12px; height: 9px; border-radius: 2px; margin: 0 .35rem 0 1rem; }
  .gain { color: var(--gain); } .loss { color: var(--loss); }
  .columns { display: flex; align-items: flex-end; gap: .4rem; height: 160px; border-bottom: 1px solid var(--line); }
  .columns div { flex: 1; background: var(--draft); border-radius: 2px 2px 0 0; }
  .labels { display: flex; gap: .4rem; } .labels span { flex: 1; font-size: .72rem; text-align: center; color: #57606a; }
  .ticks { display: flex; justify-content: space-between; font-size: .8rem; color: #57606a; }
  svg { display: block; width: 100%; height: auto; border: 1px solid var(--line); border-radius: 8px; background: #fff; overflow: visible; }
  polyline { fill: none; stroke-width: 2; } .line-real { stroke: var(--real); fill: var(--real); } .line-draft { stroke: var(--draft); fill: var(--draft); }
  @media print { body { margin: 0; } }
</style>
</head>
<body>
<%def name="difference(value)"><span class="${'loss' if value > 0 else 'gain' if value < 0 else ''}">${words.signed(value)}</span></%def>
<%def name="rules_table(rows)">
<table>
<tr><th>Rule</th><th></th><th class="num">really</th><th class="num">draft</th><th class="num">difference</th><th class="num">baskets</th></tr>
% for row in rows:
<% rule = row["rule"]; title = words.title(rule) %>
<tr><td>${title}<br><span class="sub">${rule["rule"] + ", " if title != rule["rule"] else ""}${rule["kind"].replace("_", " ")}${"" if rule["is_in_draft"] else "; not in the draft"}</span></td>
<td class="bars"><div class="bar real" style="width:${row["real"]}px"></div><div class="bar draft" style="width:${row["draft"]}px"></div></td>
<td class="num">${words.money(rule["real"]["cost"])}</td><td class="num">${words.money(rule["draft"]["cost"])}</td>
<td class="num">${difference(row["difference"])}</td>
<td class="num">${words.count(rule["real"]["baskets"])} → ${words.count(rule["draft"]["baskets"])}</td></tr>
% endfor
</table>
</%def>
<h1>Back-test: what the draft would have cost</h1>
<p class="sub">${words.count(report["baskets"])} baskets, ${words.count(report["customers"])} customers; posted from
${words.moment(report["period"]["from"])} to ${words.moment(report["period"]["until"])}${", of them the last %s" % words.count(report["period"]["last"]) if report["period"]["last"] else ""}; amounts in ${report["currency"]}.
% if report["without_facts"]:
${words.count(report["without_facts"])} of them are from before facts were stored: their purchases are counted from the period's beginning.
% endif
% if report["unreadable"]:
${words.count(report["unreadable"])} purchases could not be read.
% endif
% for refusal, count in report["redemptions_refused"].items():
In ${words.count(count)} baskets the draft would have refused what was redeemed (${refusal.replace("_", " ")}); it was left out.
% endfor
</p>
% if not report["baskets"]:
<p><b>There are no purchases in this period: nothing to compare.</b></p>
% else:
<div class="cards">
  <div class="card">Given, really<b>${words.money(cost["real"])}</b>${words.percent(cost["share_real"])} of the goods</div>
  <div class="card">Given by the draft<b>${words.money(cost["draft"])}</b>${words.percent(cost["share"])} of the goods</div>
  <div class="card">Difference<b>${difference(cost["difference"])}</b>discounts and the value of points</div>
  <div class="card">Customers<b><span class="gain">${words.count(report["customers_change"]["winners"]["customers"])}</span> / <span class="loss">${words.count(report["customers_change"]["losers"]["customers"])}</span></b>gain / lose; ${words.count(report["customers_change"]["same"])} the same</div>
</div>

<h2>Cost by day</h2>
<p class="key sub"><span class="real"></span>really <span class="draft"></span>draft; the chart's top is ${words.money(lines["most"])}</p>
<svg viewBox="-6 -6 ${width + 12} ${height + 12}" role="img" aria-label="Cost by day">
% for side, points in lines["sides"]:
  <polyline class="line-${side}" style="fill:none" points="${" ".join("%d,%d" % point for point in points)}"/>
% if lines["marks"]:
% for x, y in points:
  <circle class="line-${side}" cx="${x}" cy="${y}" r="3"/>
% endfor
% endif
% endfor
</svg>
<div class="ticks">
% for day in lines["ticks"]:
<span>${day}</span>
% endfor
</div>

<h2>Cost by rule</h2>
% if changed:
${rules_table(changed)}
% else:
<p>No rule changes.</p>
% endif
% if others:
<details${"" if changed else " open"}><summary>${words.count(len(others))} other rules, which change ${"nothing" if all(row["is_same"] for row in others) else "least or nothing"}</summary>
${rules_table(others)}
</details>
% endif

<h2>Points and other units</h2>
<table>
<tr><th>Wallet</th><th class="num">units, really</th><th class="num">draft</th><th class="num">their value, really</th><th class="num">draft</th><th class="num">difference</th></tr>
% for wallet, units in report["totals"]["units"].items():
<tr><td>${wallet}</td><td class="num">${words.count(units["real"])}</td><td class="num">${words.count(units["draft"])}</td>
<td class="num">${words.money(units["value"]["real"])}</td><td class="num">${words.money(units["value"]["draft"])}</td><td class="num">${difference(units["value"]["difference"])}</td></tr>
% endfor
</table>
<p class="sub">Points redeemed: ${words.money(report["totals"]["redeemed"]["real"])} really, ${words.money(report["totals"]["redeemed"]["draft"])} by the draft.</p>

% for noun, groups in (("Tier", report["tiers"]), ("Segment", report["segments"])):
<h2>By ${noun.lower()}</h2>
<table>
<tr><th>${noun}</th><th class="num">baskets</th><th class="num">goods</th><th class="num">discount, really</th><th class="num">draft</th><th class="num">points' value, really</th><th class="num">draft</th></tr>
% for name, group in groups.items():
<tr><td>${name or "none"}</td><td class="num">${words.count(group["baskets"])}</td><td class="num">${words.money(group["gross"])}</td>
<td class="num">${words.money(group["discount"]["real"])}</td><td class="num">${words.money(group["discount"]["draft"])}</td>
<td class="num">${words.money(group["units_value"]["real"])}</td><td class="num">${words.money(group["units_value"]["draft"])}</td></tr>
% endfor
</table>
% endfor

<h2>Who gains and who loses</h2>
<p class="sub">Winners gain ${words.money(report["customers_change"]["winners"]["amount"])} in all, losers lose ${words.money(report["customers_change"]["losers"]["amount"])}. Customers by what they gain (lose) in the period:</p>
<div class="columns">
% for bucket in spread:
<div style="height:${bucket["height"] // 10}%" title="${words.count(bucket["customers"])} customers"></div>
% endfor
</div>
<div class="labels">
% for bucket in spread:
<span>${bucket["label"]}<br><b>${words.count(bucket["customers"])}</b></span>
% endfor
</div>

<h2>What cuts the draft's rules</h2>
% if limits:
<table>
<tr><th>Rule</th><th>cut by</th><th class="num">baskets</th><th class="num">wanted</th><th class="num">given</th></tr>
% for limit in limits:
<tr><td>${limit["rule"]}</td><td>${limit["cut_by"]}</td><td class="num">${words.count(limit["baskets"])}</td><td class="num">${limit["wanted"]}</td><td class="num">${limit["given"]}</td></tr>
% endfor
</table>
% else:
<p>No limit, cap or lowest price.</p>
% endif
% if budgets:
<h2>Budgets, uses and stocks of the whole program</h2>
<p class="sub">Not cut here: what the draft would have taken of each, and the day on which it would have been used up.</p>
<table>
<tr><th>Of</th><th class="num">limit</th><th class="num">would be used</th><th>used up on</th></tr>
% for budget in budgets:
<tr><td>${budget["what"]}${" (" + budget["period"] + ")" if budget["period"] else ""}</td><td class="num">${budget["max"]}</td><td class="num">${budget["would_use"]}</td><td>${budget["used_up_on"] or "it lasts"}</td></tr>
% endfor
</table>
% endif

% if report["changes"]:
<h2>The baskets that change most</h2>
<table>
<tr><th>Receipt</th><th>Shop</th><th>When</th><th class="num">really</th><th class="num">draft</th><th class="num">difference</th></tr>
% for change in report["changes"]:
<tr><td>${change["receipt"]}<br><span class="sub">${change["purchase"]}</span></td><td>${change["shop"]}</td><td>${words.moment(change["at"])}</td>
<td class="num">${words.money(change["real"])}</td><td class="num">${words.money(change["draft"])}</td><td class="num">${difference(change["difference"])}</td></tr>
% endfor
</table>
% endif
% endif
<p class="sub">${words.count(report["speed"]["baskets_per_second"])} baskets a second with ${report["speed"]["workers"]} worker(s).</p>
</body>
</html>
