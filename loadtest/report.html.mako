<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kopilka ${report.version}: benchmark of ${report.made_at}</title>
<style>
  :root { color-scheme: light dark; --page: #fff; --ink: #1c2128; --soft: #57606a; --line: #d8dee4; --track: #eef1f4;
    --kopilka: #1f6feb; --pgbench: #b35900; --textbook: #8250df; --met: #1a7f37; --missed: #cf222e; --plain: #6e7781;
    --service: #1f6feb; --postgres: #d4761a; --valkey: #8250df; --generator: #8a94a6; }
  @media (prefers-color-scheme: dark) {
    :root { --page: #0f1318; --ink: #e3e8ee; --soft: #9aa5b1; --line: #2c343d; --track: #1a2027;
      --kopilka: #4c8ff5; --pgbench: #e0892f; --textbook: #a98bf0; --met: #3fb950; --missed: #ff7b72; --plain: #8b949e;
      --service: #4c8ff5; --postgres: #e0892f; --valkey: #a98bf0; --generator: #6e7781; }
  }
  * { box-sizing: border-box; }
  body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 1.5rem auto 3rem; max-width: 72rem; padding: 0 1rem; }
  h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .25rem; }
  h3 { font-size: 1rem; margin: 1rem 0 0; font-weight: 600; }
  p { margin: .25rem 0; } .soft { color: var(--soft); }
  .row { margin: .7rem 0; }
  .words { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .75rem; }
  .words .label { flex: 1 1 8.5rem; } .words b { font-variant-numeric: tabular-nums; white-space: nowrap; }
  .small { font-size: .85rem; color: var(--soft); font-variant-numeric: tabular-nums; }
  .badge { font-size: .8rem; font-weight: 600; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .55rem; white-space: nowrap; }
  .badge.met { color: var(--met); } .badge.missed { color: var(--missed); } .badge.plain { color: var(--soft); }
  svg { display: block; width: 100%; height: 14px; margin: .2rem 0 .1rem; }
  .track { fill: var(--track); } .whisker { stroke: var(--ink); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
  .goal { stroke: var(--ink); stroke-width: 2; stroke-dasharray: 3 2; vector-effect: non-scaling-stroke; }
% for kind in ("kopilka", "pgbench", "textbook", "met", "missed", "plain", *roles):
  .${kind}-fill { fill: var(--${kind}); background: var(--${kind}); }
% endfor
  .key { display: flex; flex-wrap: wrap; gap: .1rem 1rem; } .key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .35rem; }
  .scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
  table { border-collapse: collapse; width: 100%; font-size: .85rem; } th, td { padding: .25rem .45rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
  tr:last-child td { border-bottom: 0; } th { color: var(--soft); font-weight: 600; } .num { text-align: right; font-variant-numeric: tabular-nums; }
  tr.dropped td { color: var(--soft); background: var(--track); } td.note { white-space: normal; min-width: 12rem; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
  .alarm { color: var(--missed); font-weight: 600; }
</style>
</head>
<body>
<%def name="chart(bar)">
<div class="row">
<div class="words"><span class="label">${bar.label}</span><b>${bar.value}</b>\
% if bar.verdict:
<span class="badge ${bar.kind}">${bar.verdict}</span>\
% endif
</div>
<svg viewBox="0 0 ${width} 14" preserveAspectRatio="none" role="img" aria-label="${bar.label}: ${bar.value}${", " + bar.verdict if bar.verdict else ""}">
  <rect class="track" x="0" y="2" width="${width}" height="10"/>
  <rect class="${bar.kind}-fill" x="0" y="2" width="${bar.length}" height="10"/>
% if bar.high > bar.low:
  <path class="whisker" d="M${bar.low} 7H${bar.high}M${bar.low} 4V10M${bar.high} 4V10" fill="none"/>
% endif
% if bar.goal is not None:
  <path class="goal" d="M${bar.goal} 0V14"/>
% endif
</svg>
% if bar.detail:
<div class="small">${bar.detail}</div>
% endif
</div>
</%def>
<h1>Kopilka ${report.version}: benchmark</h1>
<p class="soft">${report.made_at}; ${report.machine.cores} cores shared by the service, PostgreSQL, Valkey and the load
generator. Figures are medians; lines across the bars show the lowest and the highest. Others used up to
${f"{report.others_most:.0%}"} of the machine in the runs that count; where that is more than a tenth, rates, latencies and goals say little, and processor time suffers least.</p>
<p><b>${headline}</b>
% if report.dropped:
${len(report.dropped)} ${"runs were" if len(report.dropped) > 1 else "run was"} dropped: others used too much of the machine.
% endif
% if report.wrong:
<span class="alarm">${count(report.wrong)} answers were wrong.</span>
% endif
</p>

<h2>Ratios and goals</h2>
<p class="soft">Round by round against its neighbours; each bar has a scale of its own, the dashed line is the goal.</p>
% for bar in ratios:
${chart(bar)}
% endfor
% if not ratios:
<p>Nothing was measured that could be compared.</p>
% endif

<h2>Answers a second</h2>
<p class="key soft"><span><i class="kopilka-fill"></i>Kopilka</span><span><i class="pgbench-fill"></i>pgbench</span><span><i class="textbook-fill"></i>textbook</span></p>
% for bar in rates:
${chart(bar)}
% endfor
% if flushes:
<p class="soft small">Where a flush is named, both systems ran on the same server with <code>commit_delay</code>, which stands for a disk
that flushes in that time; it is not one.</p>
% endif

% if stacks:
<h2>Processor time an answer</h2>
<p class="key soft">\
% for role in roles:
<span><i class="${role}-fill"></i>${role}</span>\
% endfor
</p>
% for stack in stacks:
<div class="row">
<div class="words"><span class="label">${stack.label}</span><b>${stack.value}</b></div>
<svg viewBox="0 0 ${width} 14" preserveAspectRatio="none" role="img" aria-label="${stack.label}: ${stack.value}">
  <rect class="track" x="0" y="2" width="${width}" height="10"/>
% for role, begin, length, us in stack.parts:
  <rect class="${role}-fill" x="${begin}" y="2" width="${length}" height="10"><title>${role} ${us} µs</title></rect>
% endfor
</svg>
<div class="small">${", ".join("%s %s" % (role, us) for role, _, _, us in stack.parts)} µs${"; the bar goes on beyond the chart" if stack.is_cut else ""}</div>
</div>
% endfor
% endif

% if open_loops:
<h2>Latency at a fixed rate</h2>
<p class="soft">Arrivals at random, ${offered} a second, whether or not earlier ones are answered; a
latency counts from the moment at which the request was meant to leave.</p>
% for label, bars in open_loops:
<h3>${label}</h3>
% for bar in bars:
${chart(bar)}
% endfor
% endfor
% endif

<h2>All runs</h2>
<div class="scroll" tabindex="0">
<table>
<tr><th>case</th><th></th><th class="num">round</th><th class="num">/s</th><th class="num">p50 ms</th><th class="num">p99 ms</th><th class="num">max ms</th>\
% for role in roles:
<th class="num">µs ${role}</th>\
% endfor
<th class="num">others used</th><th class="num">wrong</th><th>note</th></tr>
% for row in rows:
<tr class="${"dropped" if row.mark == "dropped" else ""}"><td>${row.case}</td><td>${row.mark}</td>\
% for cell in row.cells:
<td class="num">${cell}</td>\
% endfor
<td class="note">${row.note}</td></tr>
% endfor
</table>
</div>

<h2>The machine and how it was run</h2>
<dl>
<dt>processor</dt><dd>${report.machine.cores} × ${report.machine.model}</dd>
<dt>memory</dt><dd>${count(report.machine.memory_mib)} MiB</dd>
<dt>that day</dt><dd>${report.machine.speed}</dd>
<dt>PostgreSQL</dt><dd>${report.machine.postgres}</dd>
<dt>Python</dt><dd>${report.machine.python}</dd>
% for name, value in report.settings.items():
<dt>${name.replace("_", " ")}</dt><dd>${value}</dd>
% endfor
</dl>
</body>
</html>
