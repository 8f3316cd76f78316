"""The page at the root of the controller: what is going on, for somebody who opens the address in a browser."""

FRONT_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Beamloom</title>
<style>
 body { font: 16px/1.5 system-ui, sans-serif; color: #1d2733; background: #f6f7f9; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }
 h1 { font-size: 1.4rem; margin: 0 0 1rem; } h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; color: #55606e; }
 section { background: #fff; border: 1px solid #dfe3e8; border-radius: 8px; padding: 1rem 1.25rem; }
 .bar { height: .6rem; background: #e6e9ed; border-radius: 1rem; overflow: hidden; margin: .75rem 0; display: flex; }
 .bar i { display: block; background: #2f7d5b; } .bar i.bad { background: #c4472f; }
 table { border-collapse: collapse; width: 100%; }
 td, th { text-align: left; padding: .3rem .75rem .3rem 0; border-top: 1px solid #eceff2; }
 th { border: 0; font-weight: 600; color: #55606e; }
 td.n { text-align: right; font-variant-numeric: tabular-nums; }
 #say { margin: 0; } .bad { color: #c4472f; } code { background: #eef0f3; padding: 0 .3em; border-radius: 4px; }
</style>
<h1>Beamloom</h1>
<section><p id="say">Asking the controller…</p><div class="bar" id="bar"></div><div id="troubles"></div></section>
<h2>Processes</h2>
<section><table><thead><tr><th>name<th>role<th>what<th style="text-align:right">events<th style="text-align:right">per second</tr></thead>
<tbody id="processes"></tbody></table></section>
<script>
const get = path => fetch("/api/v1/" + path).then(answer => answer.json());
const cell = (row, text, number) => { const td = row.insertCell(); td.textContent = text; if (number) td.className = "n"; };
function sentence(p) {
  if (!p.run) return "No run has been armed yet.";
  const total = p.total_events === null ? "an open number of" : p.total_events;
  const parts = [`Run ${p.run.slice(0, 8)}: ${p.phase}, ${p.completed_events} of ${total} events settled`];
  if (p.failed) parts.push(`${p.failed} failed`);
  parts.push(p.lost ? `${p.lost} lost` : "none lost");
  return parts.join(", ") + ".";
}
function troubles(p) {
  const box = document.getElementById("troubles");
  box.replaceChildren();
  for (const e of p.errors) box.append(Object.assign(document.createElement("p"),
    { className: "bad", textContent: `${e.where}: ${e.error}: ${e.message} (events ${e.events || "none"})` }));
  for (const l of p.losses) box.append(Object.assign(document.createElement("p"),
    { className: "bad", textContent: `lost: events ${l.events}: ${l.cause}` }));
}
async function look() {
  try {
    const [p, c] = await Promise.all([get("progress"), get("config")]);
    document.getElementById("say").textContent = sentence(p);
    const bar = document.getElementById("bar"), total = p.total_events || Math.max(p.last_assigned, 1);
    bar.replaceChildren();
    for (const [count, name] of [[p.reduced, ""], [p.failed + p.lost, "bad"]]) {
      const part = document.createElement("i"); part.className = name; part.style.width = 100 * count / total + "%"; bar.append(part);
    }
    troubles(p);
    const body = document.getElementById("processes");
    body.replaceChildren();
    const all = [...c.ingesters.map(m => [m, "ingester", m.streams.join(", ")]), ...c.workers.map(m => [m, m.role, m.tags.join(", ")]),
      ...(c.reducer ? [[c.reducer, "reducer", c.reducer.http || ""]] : [])];
    for (const [m, role, what] of all) {
      const row = body.insertRow();
      cell(row, m.name); cell(row, role); cell(row, m.fault || what);
      cell(row, m.processed_events, true); cell(row, m.event_rate.toFixed(0), true);
    }
  } catch (error) { document.getElementById("say").textContent = "The controller does not answer."; }
  setTimeout(look, 500);
}
look();
</script>
</html>
"""
