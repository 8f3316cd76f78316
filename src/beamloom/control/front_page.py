"""The page at the root of the controller: what is going on, for somebody who opens the address in a browser.

It asks the API like any other client, every half second, and changes nothing. Texts of users and devices are only ever put into the page
as text.
"""

FRONT_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Beamloom</title>
<style>
 :root { --ink: #1d2733; --faint: #55606e; --line: #e3e7eb; --good: #2f7d5b; --failed: #b93a22; --lost: #b7791f; }
 body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: #f6f7f9; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }
 body.away section { opacity: .5; }
 h1 { font-size: 1.4rem; margin: 0 0 1rem; }
 h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; color: var(--faint); }
 section { background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.25rem; overflow-x: auto; }
 p { margin: 0; }
 #say { font-weight: 600; }
 .bar { height: .75rem; background: var(--line); border-radius: 1rem; overflow: hidden; margin: .75rem 0; display: flex; }
 .bar i { display: block; }
 .reduced i, .bar .reduced { background: var(--good); }
 .failed i, .bar .failed { background: var(--failed); }
 .lost i, .bar .lost { background: var(--lost); }
 .open i, .bar .open { background: var(--line); }
 #counts { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; color: var(--faint); }
 #counts b { color: var(--ink); font-variant-numeric: tabular-nums; }
 #counts i { display: inline-block; width: .75rem; height: .75rem; border-radius: 3px; margin-right: .4rem; }
 .trouble { border-left: 4px solid var(--failed); padding-left: .75rem; margin-top: .75rem; overflow-wrap: anywhere; }
 .trouble.lost, .trouble.way { border-color: var(--lost); }
 .trouble span { color: var(--faint); }
 pre { font-size: .8rem; background: #f1f3f5; padding: .75rem; border-radius: 6px; overflow-x: auto; margin: .25rem 0 0; }
 summary { cursor: pointer; color: var(--faint); }
 table { border-collapse: collapse; width: 100%; white-space: nowrap; }
 td, th { text-align: left; padding: .3rem 1rem .3rem 0; border-top: 1px solid var(--line); }
 th { border: 0; font-weight: 600; color: var(--faint); }
 .n { text-align: right; font-variant-numeric: tabular-nums; }
 td:last-child, th:last-child { padding-right: 0; }
 td.bad { color: var(--failed); white-space: normal; }
 #logs { white-space: normal; } #logs td { vertical-align: top; } #logs td:first-child { white-space: nowrap; color: var(--faint); }
 [hidden] { display: none !important; }
</style>
<h1>Beamloom</h1>
<section><p id="say">Asking the controller…</p><div class="bar" id="bar"></div><div id="counts"></div><div id="troubles"></div></section>
<h2>Processes</h2>
<section><table><thead><tr><th>name<th>role<th>what<th class="n">events<th class="n">per second</tr></thead>
<tbody id="processes"></tbody></table></section>
<div id="of-streams" hidden><h2>Streams of this run</h2>
<section><table><thead><tr><th>stream<th class="n">packets<th class="n">complete until event
<th>what was unusual</tr></thead><tbody id="streams"></tbody></table></section></div>
<div id="of-logs" hidden><h2>Latest warnings</h2><section><table id="logs"><tbody id="lines"></tbody></table></section></div>
<script>
const get = path => fetch("/api/v1/" + path).then(answer => answer.json());
const at = id => document.getElementById(id);
const count = number => number === null ? "open" : number.toLocaleString("en");
const make = (tag, text, name) => Object.assign(document.createElement(tag), { textContent: text, className: name || "" });
const which = one => one.count === 1 ? `event ${one.events}` : `events ${one.events} (${count(one.count)} in all)`;
const opened = new Set();
let errors = [], errorsOf = null;

function fill(id, rows) {
  const body = document.createElement("tbody");
  body.id = id;
  for (const cells of rows) {
    const row = body.insertRow();
    for (const [text, name] of cells) row.append(make("td", text, name));
  }
  at(id).replaceWith(body);
}
function sentence(p) {
  if (!p.run) return "No run has been armed yet.";
  const total = p.total_events === null ? "an open number of" : count(p.total_events);
  const stopped = p.stopped ? `; ended early: ${p.stopped}` : "";
  return `Run ${p.run.slice(0, 8)} is ${p.phase}: ${count(p.completed_events)} of ${total} events settled${stopped}.`;
}
function showProgress(p) {
  at("say").textContent = sentence(p);
  at("bar").hidden = at("counts").hidden = !p.run;
  document.title = p.run && p.total_events ? `${Math.floor(100 * p.completed_events / p.total_events)} % – Beamloom` : "Beamloom";
  const total = p.total_events || Math.max(p.last_assigned, p.completed_events, 1);
  at("bar").replaceChildren(...["reduced", "failed", "lost"].map(name => {
    const part = make("i", "", name);
    part.style.width = 100 * p[name] / total + "%";
    if (p[name]) part.style.minWidth = "3px";
    return part;
  }));
  at("counts").replaceChildren(...[["reduced", p.reduced], ["failed", p.failed], ["lost", p.lost], ["open", p.assigned, "under way"],
    ["open", p.pending, "to come"]].map(([name, number, words]) => {
    const one = make("span", "", name);
    one.append(make("i", ""), make("b", count(number)), " " + (words || name));
    return one;
  }));
  if (p.redelivered) at("counts").append(make("span", `${count(p.redelivered)} handed to another worker`));
  if (p.quarantined) at("counts").append(make("span", `${count(p.quarantined)} put aside for ending processes`));
}
function showTroubles(p, doctor) {
  // What failed and what was lost has a place of its own below.
  const told = ["user-code-fails", "events-lost"];
  const troubles = doctor.findings.filter(one => !told.includes(one.check)).map(one => {
    const box = make("div", "", one.gravity === "trouble" ? "trouble" : "trouble way");
    const since = one.since ? ` Since ${new Date(1000 * one.since).toLocaleTimeString("en-GB")}.` : "";
    box.append(make("div", one.what + "." + since), make("span", "To do: " + one.do + "."));
    return box;
  });
  for (const [place, error] of p.errors.entries()) {
    const box = make("div", "", "trouble");
    box.append(make("div", `${error.where}: ${error.error}: ${error.message}`),
      make("span", error.events ? which(error) : `in no event, ${count(error.count)} times`));
    if (errors[place] && errors[place].traceback) {
      const details = document.createElement("details"), key = error.where + error.error + place;
      details.open = opened.has(key);
      details.ontoggle = () => details.open ? opened.add(key) : opened.delete(key);
      details.append(make("summary", "traceback"), make("pre", errors[place].traceback));
      box.append(details);
    }
    troubles.push(box);
  }
  for (const loss of p.losses) {
    const box = make("div", "", "trouble lost");
    box.append(make("div", `Lost: ${loss.cause}`), make("span", which(loss)));
    troubles.push(box);
  }
  at("troubles").replaceChildren(...troubles);
}
function showProcesses(c) {
  const all = [...c.ingesters.map(m => [m, "ingester", m.streams.join(", ")]), ...c.workers.map(m => [m, m.role, m.tags.join(", ")]),
    ...(c.reducer ? [[c.reducer, "reducer", c.reducer.http || ""]] : [])];
  fill("processes", all.map(([m, role, what]) => [[m.name], [role], m.fault ? [m.fault, "bad"] : [what],
    [count(m.processed_events), "n"], [count(Math.round(m.event_rate)), "n"]]));
}
function unusual(stream) {
  const words = { gaps: "missing", malformed: "unreadable", dropped: "given up", duplicates: "came twice", late: "late",
    reordered: "put in order", restarts: "times begun anew", reconnects: "times reconnected", discarded_before_start: "before the start" };
  return Object.keys(words).filter(key => stream[key]).map(key => `${count(stream[key])} ${words[key]}`).join(", ");
}
async function look() {
  try {
    const [p, c, h, s, l] = await Promise.all(["progress", "config", "doctor", "streams", "logs?level=WARNING"].map(get));
    // Tracebacks are long and stay as they are: they are asked for when there is another one.
    if (p.run !== errorsOf || p.errors.length !== errors.length) [errors, errorsOf] = [await get("errors"), p.run];
    showProgress(p);
    showTroubles(p, h);
    showProcesses(c);
    at("of-streams").hidden = !Object.keys(s).length;
    fill("streams", Object.entries(s).map(([name, one]) => [[name], [count(one.packets), "n"], [count(one.complete_until), "n"],
      [[one.stalled ? "stalled" : "", unusual(one)].filter(Boolean).join(", ") || "nothing",
        one.stalled || one.gaps || one.malformed || one.dropped ? "bad" : ""]]));
    at("of-logs").hidden = !l.length;
    fill("lines", l.slice(-8).reverse().map(line => [[new Date(1000 * line.created).toLocaleTimeString("en-GB") + " " + line.service],
      [line.msg]]));
    document.body.className = "";
  } catch (error) {
    document.body.className = "away";
    at("say").textContent = "The controller does not answer; what is shown below is how things were.";
  }
  setTimeout(look, 500);
}
look();
</script>
</html>
"""
