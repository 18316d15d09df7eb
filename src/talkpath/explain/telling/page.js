"use strict";
// Shows what page.py wrote into the page. What is shown is a function of the address (`#code=...&call=...`), so that every
// view has a link, and going back works. All that comes from the network is put on the page as text only.

const read = id => JSON.parse(document.getElementById(id).textContent);
const data = read("data"), words = data.words, names = data.names;
const SEVERITIES = ["error", "warning", "note"], NO_FINDING = 3;
const GROUPS = 8, STEP = 100, MOST_PRINTED = 500;
const KEYS = ["code", "result", "worst", "q", "since", "until", "sort", "down", "call"];

// --- small things

function el(name, attributes, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "class") made.className = value; else if (key.startsWith("on")) made[key] = value; else made.setAttribute(key, value);
  }
  made.append(...inside.filter(one => one !== null && one !== undefined));
  return made;
}
function sv(name, attributes, ...inside) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  made.append(...inside);
  return made;
}
const say = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => name in values ? values[name] : whole);
const capital = text => text.charAt(0).toUpperCase() + text.slice(1);
const two = number => String(number).padStart(2, "0");
function zone(date) {
  const east = -date.getTimezoneOffset(), size = Math.abs(east);
  return (east < 0 ? "-" : "+") + two(Math.floor(size / 60)) + ":" + two(size % 60);
}
// ISO 8601 with the zone of who reads.
function iso(time) {
  const d = new Date(time * 1000);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}${zone(d)}`;
}
const when = time => el("time", { datetime: iso(time).replace(" ", "T") }, iso(time));
const listed = frames => frames.slice(0, 12).join(", ") + (frames.length > 12 ? " …" : "");

// --- the calls

const calls = data.rows.map(([id, ids, from, to, start, result, status, talk, found, caller, callee], number) => ({
  number, id, ids, from, to, start, status, talk, found, caller, callee,
  result: names[result] + (status && status !== 200 ? " " + status : ""),
  worst: found.length ? found[0][0] : NO_FINDING,
}));
const byId = new Map(calls.map(call => [call.id, call]));
const hay = call => call.hay ??= [
  call.id, ...call.ids, call.from, call.to, call.result, ...call.found.flatMap(([, code, title]) => [names[code], names[title]]),
  ...call.caller.map(one => names[one]), ...call.callee.map(one => names[one]),
].join(" ").toLowerCase();

// --- what is asked for stands in the address

let state = {};
function parse() {
  const asked = new URLSearchParams(location.hash.slice(1));
  state = Object.fromEntries(KEYS.map(key => [key, asked.get(key) || ""]));
}
function link(changes) {
  const asked = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...state, ...changes })) if (value !== "" && value !== null) asked.set(key, value);
  return "#" + asked;
}
const only = changes => "#" + new URLSearchParams(changes);
const callLink = number => {
  const call = calls[number];
  return el("a", { href: only({ call: call.id }), title: iso(call.start) }, `${call.from} → ${call.to}`);
};

function wanted() {
  const parts = state.q.toLowerCase().split(/\s+/).filter(Boolean), code = names.indexOf(state.code);
  return calls.filter(call =>
    (!state.code || call.found.some(one => one[1] === code)) && (!state.result || call.result === state.result)
    && (!state.worst || call.worst === Number(state.worst))
    && (!state.since || call.start >= Number(state.since)) && (!state.until || call.start < Number(state.until))
    && parts.every(part => hay(call).includes(part)));
}
const SORTS = {
  time: call => call.start, from: call => call.from, to: call => call.to, result: call => call.result,
  talk: call => call.talk ?? -1, finding: call => call.worst,
};
function sorted(found) {
  const by = SORTS[state.sort] || SORTS.finding, turn = state.down ? -1 : 1;
  const compare = (a, b) => typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
  return found.sort((a, b) => turn * compare(by(a), by(b)) || a.start - b.start || a.number - b.number);
}

// --- what was found

function reasons(because) {
  return el("ul", {}, ...because.map(([text, frames]) =>
    el("li", {}, text, frames.length ? el("span", { class: "soft small" }, "  " + say(words.frames, { list: listed(frames) })) : null)));
}
function way(one) {
  const box = el("div", {}, el("p", { class: "act" }, one.act));
  if (one.calls.length) box.append(el("p", { class: "calls small" }, ...one.calls.map(callLink), one.count > one.calls.length ? "…" : ""));
  return box;
}
function group(one) {
  const where = one.calls ? say(words.in_calls, { count: one.calls, total: calls.length }) : words.outside;
  const more = el("details", {}, el("summary", {}, words.why), ...[...new Set(one.ways.map(each => each.fix))].map(fix => el("p", {}, fix)));
  if (one.example !== null) more.append(el("p", { class: "soft" }, ...around(words.example, callLink(one.example))));
  more.append(reasons(one.because));
  return el("article", { class: "finding " + one.severity },
    el("div", { class: "title" }, capital(one.title)),
    el("div", { class: "soft" }, `${one.severity_text} · ${one.symptom_text} · `, el("code", {}, one.code), ` · ${where}`,
      one.calls > 1 ? " · " : "", one.calls > 1 ? el("a", { href: only({ code: one.code }) }, say(words.show_all, { count: one.calls })) : ""),
    ...one.ways.map(way), one.ways_left ? el("p", { class: "soft" }, say(words.more_ways, { count: one.ways_left })) : null, more);
}
// A text around a node that stands for its placeholder.
function around(text, node) {
  const [before, after] = text.split(/\{\w+\}/);
  return [before, node, after];
}
function showFound() {
  if (!data.groups.length) return;
  const first = data.groups.slice(0, GROUPS).map(group), rest = data.groups.slice(GROUPS).map(group);
  const more = rest.length ? el("details", {}, el("summary", {}, say(words.more_found, { count: rest.length })), ...rest) : null;
  document.getElementById("found").append(el("h2", {}, words.found), ...first, ...(more ? [more] : []));
}

// --- what bad calls share

function showCommon() {
  if (!data.common.length) return;
  const heads = words.common_head.split("|");
  const row = one => [
    el("a", { href: only({ code: one.code }) }, one.code),
    el("span", {}, one.what, one.also.length ? el("div", { class: "soft small" }, say(words.also, { codes: one.also.join(", ") })) : "",
      one.same.length ? el("div", { class: "soft small" }, say(words.same_as, { what: one.same.join("; ") })) : ""),
    say(words.bad_of, { bad: one.bad, all: one.group }), say(words.bad_of, { bad: one.bad_elsewhere, all: one.total_elsewhere }),
    one.lift.toFixed(1), one.p.toExponential(1),
    one.exceptions.length ? el("span", { class: "calls" }, ...one.exceptions.map(callLink), one.exceptions_left ? `+ ${one.exceptions_left}` : "") : "",
  ];
  document.getElementById("common").append(el("h2", {}, words.common), el("div", { class: "box" }, el("table", { class: "cards" },
    el("thead", {}, el("tr", {}, ...heads.map((head, i) => el("th", { class: i > 1 && i < 6 ? "num" : "", scope: "col" }, head)))),
    el("tbody", {}, ...data.common.map(one => el("tr", {}, ...row(one).map((cell, i) => el("td", { class: i > 1 && i < 6 ? "num" : "", "data-head": heads[i] }, cell))))))));
}

// --- charts

const SPANS = [1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86400, 7 * 86400, 30 * 86400];
const BARS = 48, ROWS = 8;
function chart(title, ...inside) { return el("div", {}, el("h3", {}, title), ...inside); }
function tally(found, keyOf) {
  const counts = new Map();
  for (const call of found) for (const key of keyOf(call)) {
    if (!counts.has(key)) counts.set(key, [0, 0, 0, 0]);
    counts.get(key)[call.worst] += 1;
  }
  return counts;
}
const parts = (counts, of, side) => [0, 1].map(rank => [SEVERITIES[rank], counts[rank]]).concat([["", counts[2] + counts[3]]])
  .filter(([, count]) => count).map(([name, count]) => el("i", { class: name, style: `${side}: ${100 * count / of}%` }));
const sum = counts => counts.reduce((a, b) => a + b, 0);
const told = counts => [words.with_errors, words.with_warnings, words.with_notes, words.sound_calls]
  .map((name, rank) => counts[rank] ? `${name}: ${counts[rank]}` : "").filter(Boolean).join(", ");
function timesChart() {
  const starts = calls.map(call => call.start), first = starts.reduce((a, b) => Math.min(a, b)), last = starts.reduce((a, b) => Math.max(a, b));
  const span = SPANS.find(one => (last - first) / one < BARS) || Math.ceil((last - first) / BARS);
  const from = Math.floor(first / span) * span, counts = tally(calls, call => [Math.floor((call.start - from) / span)]);
  const count = Math.floor((last - from) / span) + 1, most = Math.max(...[...counts.values()].map(sum));
  const bars = Array.from({ length: count }, (_, i) => {
    const those = counts.get(i) || [0, 0, 0, 0], since = from + i * span;
    return el("a", { href: only({ since, until: since + span }), title: `${iso(since)}\n${sum(those)} ${told(those)}`, "aria-label": `${iso(since)} ${told(those)}` }, ...parts(those, most, "height").reverse());
  });
  return chart(words.when, el("div", { class: "when" }, ...bars), el("div", { class: "axis soft small" }, el("span", {}, iso(from)), el("span", {}, "↑ " + most), el("span", {}, iso(from + count * span))));
}
function barsChart(title, counts, keyOf, by) {
  const found = [...counts].filter(([, those]) => by(those)).sort((a, b) => by(b[1]) - by(a[1]) || sum(b[1]) - sum(a[1])).slice(0, ROWS);
  const most = Math.max(...found.map(([, those]) => sum(those)));
  if (!found.length) return null;
  return chart(title, ...found.map(([key, those]) => el("a", { class: "row", href: only(keyOf(key)), title: `${key}\n${told(those)}` },
    el("span", {}, key), el("span", { class: "bar" }, ...parts(those, most, "width")), el("span", { class: "num" }, String(by(those))))));
}
// The numbers that had trouble more than once; where none had, the networks.
function whoChart() {
  const bad = those => those[0] + those[1];
  const numbers = tally(calls, call => new Set([call.from, call.to]));
  const places = () => tally(calls, call => new Set([...call.caller, ...call.callee].map(one => names[one]).filter(one => one.startsWith(words.subnet))));
  const found = [...numbers.values()].some(those => bad(those) > 1) ? numbers : places();
  return barsChart(words.who, found, q => ({ q }), bad);
}
function showCharts() {
  if (calls.length < 2) return;
  document.getElementById("charts").append(el("h2", {}, words.charts), el("div", { class: "charts" }, ...[
    timesChart(),
    barsChart(words.which, tally(calls, call => new Set(call.found.map(one => names[one[1]]))), code => ({ code }), sum),
    whoChart(),
    barsChart(words.how, tally(calls, call => [call.result]), result => ({ result }), sum),
  ].filter(Boolean)));
}

// --- one call

const unpacked = new Map();
async function details(number) {
  const chunk = Math.floor(number / data.packed);
  if (!unpacked.has(chunk)) {
    const packed = document.getElementById("details").textContent.split("\n")[chunk];
    const bytes = Uint8Array.from(atob(packed), one => one.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    unpacked.set(chunk, JSON.parse(await new Response(stream).text()));
  }
  return unpacked.get(chunk)[number % data.packed];
}
function finding(one) {
  const about = `${one.severity_text} · ${one.symptom_text} · ${one.code} · ${say(words.sure, { percent: Math.round(one.confidence * 100) })}`;
  return el("article", { class: "finding " + one.severity }, el("div", { class: "title" }, capital(one.title)), el("div", { class: "soft" }, about),
    el("p", { class: "act" }, one.act), el("p", {}, one.fix), el("h3", {}, words.why), reasons(one.because));
}
function ladder({ columns, steps }) {
  const grid = el("ol"), box = el("div", { style: `--columns: ${columns.length}` });
  const middle = i => `calc(5.5em + (100% - 5.5em) * ${(i + .5) / columns.length})`;
  box.append(...columns.map((_, i) => el("div", { class: "life", style: `left: ${middle(i)}` })));
  box.append(el("div", { class: "grid heads" }, el("span"), ...columns.map(name => el("span", {}, name))), grid);
  for (const [at, text, pins, tail, head] of steps) {
    const step = el("li", { class: "grid step" }, el("time", {}, at.toFixed(3)));
    if (tail === undefined || tail === head) step.append(el("div", { class: "moment" }, el("b", {}, text)));
    else {
      const left = Math.min(tail, head), many = Math.abs(head - tail) + 1;
      step.append(el("div", { class: `arrow ${head > tail ? "right" : "left"}${pins.length ? " bad" : ""}`, style: `grid-column: ${left + 2} / span ${many}; margin: 0 ${50 / many}%` }, el("b", {}, text)),
        el("span", { class: "way" }, `${columns[tail]} → ${columns[head]}`));
    }
    for (const pin of pins) step.append(el("div", { class: "pin" }, el("b", {}, "▲ " + pin)));
    grid.append(step);
  }
  return el("div", { class: "ladder", tabindex: "0", role: "region", "aria-label": words.ladder }, box);
}
function timeline({ points, step }) {
  const many = points.length, height = 64, paths = { level: "", lost: "", jitter: "" };
  points.forEach(([lost, jitter, level], x) => {
    if (level !== null) paths.level += `M${x} 32h.8V${32 - Math.max(.5, Math.max(0, 70 + level) / 70 * 30)}h-.8z`;
    if (lost) paths.lost += `M${x} ${height}h.9v${-(Math.min(100, lost) / 100 * 28 + 2)}h-.9z`;
    paths.jitter += `M${x} ${height - Math.min(jitter, 60) / 60 * 28}h1v-1.5h-1z`;
  });
  const svg = sv("svg", { viewBox: `0 0 ${Math.max(many, 1)} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": `${words.level}, ${words.lost}, ${words.jitter}` },
    sv("path", { d: paths.level, fill: "currentColor", opacity: .55 }), sv("path", { d: paths.lost, fill: "var(--bad)" }), sv("path", { d: paths.jitter, fill: "var(--warn)" }));
  return el("div", { class: "stream" }, svg, el("div", { class: "small" }, `▮ ${words.level}  `, el("span", { class: "error" }, `▮ ${words.lost}  `),
    el("span", { class: "warning" }, `▬ ${words.jitter}`), el("span", { class: "soft" }, `  0 … ${many * step} s`)));
}
function streams(rows) {
  const heads = words.stream_head.split("|");
  const cells = s => [s.src, s.dst, s.codec || "?", s.packets, s.lost, `${s.jitter_ms ?? "?"} ms`, s.mos ?? "", s.silent_s ? `${s.silent_s} s` : ""].map(String);
  return rows.map(one => el("div", {}, el("div", { class: "box" }, el("table", { class: "cards" },
    el("thead", {}, el("tr", {}, ...heads.map(head => el("th", { scope: "col" }, head)))),
    el("tbody", {}, el("tr", {}, ...cells(one).map((cell, i) => el("td", { "data-head": heads[i] }, cell)))))), timeline(one)));
}

let sounds = null, playing = null;
const linear = i => { i = ~i & 255; const m = (((i & 15) << 3) + 132) << ((i & 112) >> 4); return i & 128 ? 132 - m : m - 132 };
function wave(audio) {
  const raw = [atob(audio.left), atob(audio.right)].map(side => Int16Array.from(side, one => linear(one.charCodeAt(0))));
  const many = raw[0].length, width = 1000, svg = sv("svg", { viewBox: `0 0 ${width} 96`, preserveAspectRatio: "none", role: "img" });
  raw.forEach((samples, side) => {
    const middle = 24 + side * 48;
    let d = "";
    for (let x = 0; x < width; x++) {
      let low = 0, high = 0;
      for (let i = Math.floor(x * many / width), end = Math.floor((x + 1) * many / width); i < end; i += 4) { low = Math.min(low, samples[i]); high = Math.max(high, samples[i]) }
      d += `M${x} ${middle - high / 32768 * 23}V${middle - low / 32768 * 23 + .5}`;
    }
    svg.append(sv("path", { d, stroke: "currentColor", fill: "none" }));
  });
  const button = el("button", { type: "button" }, "▶ " + words.play);
  button.onclick = () => {
    if (playing) { playing.close(); const same = playing.button === button; playing.button.textContent = "▶ " + words.play; playing = null; if (same) return }
    const context = new AudioContext(), buffer = context.createBuffer(2, many, 8000), source = context.createBufferSource();
    raw.forEach((samples, side) => { const out = buffer.getChannelData(side); for (let i = 0; i < many; i++) out[i] = samples[i] / 32768 });
    source.buffer = buffer; source.connect(context.destination); source.start(); context.button = button; playing = context; button.textContent = "■ " + words.stop;
    source.onended = () => { if (playing === context) { context.close(); playing = null; button.textContent = "▶ " + words.play } };
  };
  return el("div", { class: "wave" }, button, el("div", { class: "sides soft small" }, el("span", {}, words.caller), el("span", {}, words.callee)), svg);
}
function facts(call, more) {
  const at = (text, value, name = "seconds") => value === null || value === undefined ? null : el("div", {}, say(text, { [name]: value }));
  const end = side => el("div", { class: "soft" }, words[side] + words.colon + more[side].join(" · "));
  return el("div", {}, el("div", { class: "facts" }, el("div", {}, when(call.start)), el("div", {}, call.result), at(words.rang, more.ring_s), at(words.answered, more.answer_s), at(words.talked, more.talk_s), at(words.ended, more.ended, "who")),
    el("div", { class: "soft" }, "Call-ID " + call.ids.join(", ")), end("caller"), end("callee"));
}
async function fill(cell, call) {
  cell.append(el("p", { class: "soft" }, words.reading));
  if (!window.DecompressionStream) { cell.replaceChildren(el("p", { class: "error" }, words.too_old)); return }
  const more = await details(call.number), sound = (sounds ??= read("sound"))[call.id];
  cell.replaceChildren(...more.findings.map(finding), facts(call, more));
  if (more.ladder.steps.length) cell.append(el("h3", {}, words.ladder), ladder(more.ladder));
  if (more.streams.length) cell.append(el("h3", {}, words.audio));
  if (sound) cell.append(wave(sound));
  cell.append(...streams(more.streams));
}

// --- the list

let shown = STEP;
function row(call, isOpen) {
  const heads = words.head, href = link({ call: isOpen ? "" : call.id });
  const titles = [...new Set(call.found.map(one => one[2]))].map(one => names[one]);
  const cells = [
    el("a", { href, "aria-expanded": String(isOpen), title: isOpen ? words.close : "" }, when(call.start)),
    el("span", { class: "end", title: call.from }, call.from), el("span", { class: "end", title: call.to }, call.to), call.result,
    call.talk === null ? "" : call.talk.toFixed(1) + " s",
    el("span", { class: SEVERITIES[call.worst] || "good" }, titles.length ? titles[0] + (titles.length > 1 ? ` (+${titles.length - 1})` : "") : words.healthy),
  ];
  const made = el("tr", { class: isOpen ? "call open" : "call" }, ...cells.map((cell, i) => el("td", { "data-head": heads[i], class: i === 4 ? "num" : "" }, cell)));
  made.onclick = event => { if (!event.target.closest("a") && !String(getSelection())) location.hash = href };
  return made;
}
function render() {
  const all = sorted(wanted()), body = document.querySelector("#calls tbody"), open = byId.get(state.call);
  const at = open ? all.indexOf(open) : -1;
  if (at >= shown) shown = at + 1;
  // A link to a call leads to it whatever the filters say.
  const first = open && at < 0 ? [open, ...all] : all;
  body.replaceChildren();
  let filled = null;
  for (const call of first.slice(0, shown)) {
    body.append(row(call, call === open));
    if (call !== open) continue;
    const cell = el("td", { colspan: words.head.length });
    body.append(el("tr", { class: "detail" }, cell));
    filled = fill(cell, call);
  }
  const more = document.getElementById("more"), left = first.length - shown;
  more.hidden = left <= 0;
  more.textContent = say(words.more, { count: left });
  document.getElementById("list-title").textContent = words.calls + words.colon + (all.length === calls.length ? calls.length : say(words.shown, { count: all.length, total: calls.length }));
  if (state.call && !open) body.append(el("tr", {}, el("td", { colspan: words.head.length, class: "error" }, say(words.not_here, { call: state.call }))));
  heads();
  filters();
  return filled;
}
function heads() {
  const current = SORTS[state.sort] ? state.sort : "finding";
  document.querySelector("#calls thead").replaceChildren(el("tr", {}, ...Object.keys(SORTS).map((key, i) => {
    const is = key === current, down = is && !state.down ? "1" : "";
    return el("th", { scope: "col", class: i === 4 ? "num" : "", "aria-sort": is ? (state.down ? "descending" : "ascending") : "none" },
      el("button", { type: "button", onclick: () => { go(link({ sort: key, down })) } }, words.head[i]));
  })));
}
function choice(key, first, options, cls) {
  const made = el("select", { "aria-label": first, class: cls || "", onchange: () => go(link({ [key]: made.value, call: "" })) },
    ...(first ? [el("option", { value: "" }, first)] : []), ...options.map(([value, text]) => el("option", { value }, text)));
  made.value = state[key];
  return made;
}
const codes = [...new Set(calls.flatMap(call => call.found.map(one => names[one[1]])))].sort();
const results = [...new Set(calls.map(call => call.result))].sort();
function filters() {
  const form = document.getElementById("filters");
  if (form.contains(document.activeElement) && document.activeElement.type === "search") return;
  const search = el("input", { type: "search", autocomplete: "off", placeholder: words.search, "aria-label": words.search });
  search.value = state.q;
  search.oninput = () => { history.replaceState(null, "", link({ q: search.value, call: "" })); parse(); shown = STEP; render() };
  const isNarrowed = ["code", "result", "worst", "q", "since", "until"].some(key => state[key]);
  const spans = state.since ? el("span", { class: "small" }, `${iso(Number(state.since))} … ${iso(Number(state.until))}`) : null;
  form.replaceChildren(...[
    search,
    choice("worst", words.any_call, [words.with_errors, words.with_warnings, words.with_notes, words.sound_calls].map((text, i) => [String(i), text])),
    choice("code", words.any_finding, codes.map(code => [code, code])), choice("result", words.any_result, results.map(one => [one, one])),
    choice("sort", "", Object.keys(SORTS).map((key, i) => [key === "finding" ? "" : key, say(words.sort, { what: words.head[i] })]), "sort"),
    spans, isNarrowed ? el("a", { href: "#" }, words.clear) : null,
  ].filter(Boolean));
}
function go(hash) {
  if (location.hash !== hash) location.hash = hash;
}
async function follow() {
  const before = state;
  parse();
  shown = STEP;
  const filled = render();
  await filled;
  if (state.call && state.call !== before.call) {
    const line = document.querySelector("tr.open");
    line?.querySelector("a").focus({ preventScroll: true });
    line?.scrollIntoView({ block: "start" });
  } else if (["code", "result", "since", "q", "worst"].some(key => state[key] && state[key] !== before[key]) && !document.activeElement?.closest("#filters")) {
    document.getElementById("list-title").scrollIntoView({ block: "start" });
  }
  document.body.dataset.ready = location.hash;
}

// --- begin

document.getElementById("overview").append(...data.overview.map(line => el("div", {}, line)));
showFound();
showCommon();
showCharts();
document.getElementById("calls").className = "cards";
document.getElementById("filters").onsubmit = event => event.preventDefault();
document.getElementById("more").onclick = () => { shown += STEP; render() };
addEventListener("hashchange", follow);
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const one of closed) one.open = true;
  if (!state.call && shown < MOST_PRINTED) { shown = MOST_PRINTED; render() }
});
addEventListener("afterprint", () => { for (const one of closed) one.open = false });
follow();
