"""The page at the root of a debug worker: the last events, newest first, a column for each stream.

It asks ``last_events`` every second like any other client; nothing is computed or sent anew while no event comes. Texts of devices are only
ever put into the page as text, and pictures come from ``thumbnails`` alone.
"""

LAST_EVENTS_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Last events – Beamloom</title>
<style>
 :root { --ink: #1d2733; --faint: #55606e; --line: #e3e7eb; --failed: #b93a22; }
 body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: #f6f7f9; margin: 0; padding: 1.5rem; }
 body.away #events { opacity: .5; }
 h1 { font-size: 1.4rem; margin: 0; }
 header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; margin-bottom: 1rem; }
 header label, #say { color: var(--faint); }
 section { background: #fff; border: 1px solid var(--line); border-radius: 8px; overflow-x: auto; }
 table { border-collapse: collapse; }
 #events { min-width: 100%; }
 #events > tbody > tr > *, #events > thead th { padding: .75rem 1.25rem .75rem 1.25rem; text-align: left; vertical-align: top; }
 #events > tbody > tr > * { border-top: 1px solid var(--line); }
 #events > thead th { color: var(--faint); font-weight: 600; padding-bottom: .4rem; }
 th.event { font-size: 1.1rem; font-variant-numeric: tabular-nums; width: 1%; }
 .kind { color: var(--faint); font-size: .85rem; white-space: nowrap; }
 .arrays { display: flex; flex-wrap: wrap; gap: .75rem 1rem; margin: .4rem 0; }
 figure { margin: 0; }
 figure img { display: block; border-radius: 4px; min-height: 32px; image-rendering: pixelated; background: #f1f3f5; }
 figure img.lines { border: 1px solid var(--line); background: #fff; }
 figcaption { font-size: .8rem; color: var(--faint); line-height: 1.35; margin-top: .2rem; }
 figcaption b { color: var(--ink); font-weight: 600; }
 .values { font-size: .85rem; line-height: 1.4; }
 .values td { padding: 0 .75rem 0 0; vertical-align: top; overflow-wrap: break-word; max-width: 20rem; }
 .values td:first-child { color: var(--faint); white-space: nowrap; }
 details { font-size: .85rem; color: var(--faint); }
 summary { cursor: pointer; }
 .problem { border-left: 4px solid var(--failed); padding-left: .75rem; color: var(--failed); overflow-wrap: anywhere; max-width: 30rem; }
 .none { color: var(--faint); }
 [hidden] { display: none !important; }
</style>
<header><h1>Last events</h1>
<label>show <select id="number"><option>1<option selected>5<option>20<option>100</select></label>
<label><input type="checkbox" id="hold"> hold still</label>
<span id="say">Asking the debug worker…</span></header>
<section id="box" hidden><table id="events"><thead><tr id="head"></tr></thead><tbody id="rows"></tbody></table></section>
<script>
const at = id => document.getElementById(id);
const make = (tag, text, name) => Object.assign(document.createElement(tag), { textContent: text, className: name || "" });
const LONG = 12;
const opened = new Set();
let shown = null;

function number(value) {
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3 ? value.toExponential(3) : String(+value.toPrecision(6));
}
const text = value => typeof value === "number" ? number(value) : typeof value === "string" ? value
  : JSON.stringify(value, (key, one) => typeof one === "number" && !Number.isInteger(one) ? +number(one) : one).replaceAll(",", ", ");

const enlarged = (width, height) => Math.max(1, Math.floor(256 / Math.max(width, height)));
function figure(name, array) {
  const box = document.createElement("figure");
  if (array.thumbnail) {
    const picture = document.createElement("img");
    picture.src = array.thumbnail;
    picture.alt = name;
    if (array.thumbnail.startsWith("data:image/svg")) picture.className = "lines";
    // Small pictures are enlarged by whole pixels.
    else picture.onload = () => picture.width = picture.naturalWidth * enlarged(picture.naturalWidth, picture.naturalHeight);
    box.append(picture);
  }
  const caption = document.createElement("figcaption");
  caption.append(make("b", name), ` ${array.shape.join(" × ")} ${array.dtype}`);
  if ("min" in array) caption.append(document.createElement("br"), `${number(array.min)} to ${number(array.max)}`);
  box.append(caption);
  return box;
}
function valueTable(values) {
  const table = make("table", "", "values");
  for (const [name, value] of values) {
    const row = table.insertRow();
    row.append(make("td", name), make("td", text(value)));
  }
  return table;
}
function folded(key, title, content) {
  const details = document.createElement("details");
  details.open = opened.has(key);
  details.ontoggle = () => details.open ? opened.add(key) : opened.delete(key);
  details.append(make("summary", title), content);
  return details;
}
function cell(stream, packet) {
  const box = document.createElement("td");
  if (!packet) { box.append(make("span", "–", "none")); return box; }
  const size = packet.frames.reduce((sum, frame) => sum + frame.bytes, 0);
  const place = packet.number === null ? packet.kind : `${packet.kind} ${number(packet.number)}`;
  box.append(make("div", `${packet.typ}, ${place}, ${number(size)} bytes`, "kind"));
  const problems = [...(packet.problem ? [packet.problem] : []),
    ...Object.entries(packet.problems || {}).map(([name, problem]) => `${name}: ${problem}`)];
  for (const problem of problems) box.append(make("div", problem, "problem"));
  const arrays = make("div", "", "arrays");
  const values = Object.entries(packet.values || {});
  for (const [name, array] of Object.entries(packet.arrays || {})) {
    if (array.values) values.push([name, array.values]);
    else arrays.append(figure(name, array));
  }
  if (arrays.childElementCount) box.append(arrays);
  if (values.length > LONG) box.append(folded(stream, `${values.length} values`, valueTable(values)));
  else if (values.length) box.append(valueTable(values));
  if (packet.problem) box.append(folded(stream + " frames", "frames",
    valueTable(packet.frames.map((frame, place) => [`${place}: ${number(frame.bytes)} bytes`, frame.begins || ""]))));
  return box;
}
function show(events) {
  const streams = [...new Set(events.flatMap(event => Object.keys(event.streams)))].sort();
  at("head").replaceChildren(make("th", "event"), ...streams.map(stream => make("th", stream)));
  at("rows").replaceChildren(...events.reverse().map(event => {
    const row = document.createElement("tr");
    row.append(make("th", number(event.event_number), "event"), ...streams.map(stream => cell(stream, event.streams[stream])));
    return row;
  }));
  at("box").hidden = !events.length;
  at("say").textContent = events.length ? "" : "No event has come yet; only events whose trigger map asks for this worker's tags do.";
}
async function look() {
  try {
    if (!at("hold").checked) {
      const answer = await fetch(`/api/v1/last_events?format=json&number=${at("number").value}`);
      const version = answer.headers.get("etag");
      if (version !== shown) { show(await answer.json()); shown = version; }
      at("say").textContent = at("rows").childElementCount ? "" : at("say").textContent;
    }
    document.body.className = "";
  } catch (error) {
    document.body.className = "away";
    at("say").textContent = "The debug worker does not answer; these are the last events that it gave.";
  }
}
async function again() { await look(); setTimeout(again, 1000); }
at("number").onchange = look;
again();
</script>
</html>
"""
