// @ts-check
// Charts: over time (uPlot, loaded when needed), columns that stack, ranks, a ring, a spark. All in the theme's colours, with a
// legend, a bubble on hover and the same numbers as a table for who can't see them.
//
//   html`<${TimeChart} label="Requests" times=${[unix…]} series=${[{ name: 'ok', values: […] }, { name: 'failed', values: […], color: 3 }]} format=${count} />`
//   html`<${Columns} label="By day" names=${['Mon', 'Tue']} series=${[{ name: 'done', values: [3, 5] }]} format=${short} onPick=${(i) => …} />`
//   html`<${Ranks} label="By model" rows=${[{ name: 'm', value: 12, note: '$3', href: '/ui/…' }]} format=${count} />`
//   html`<${Donut} label="Outcomes" parts=${[{ name: 'done', value: 9 }]} />      <${Spark} values=${[1, 4, 2]} label="Last hour" />`
//
// `color` is 1 to 8 (`--c1` …); without one they follow in order.
import { cx, html, useEffect, useLayoutEffect, useRef, useState, sheet } from '../lib.js';
import { Button, Empty } from './parts.js';
import { onTheme } from './store.js';
import { count, exact } from './time.js';

const colorOf = (one, i) => `var(--c${one.color ?? (i % 8) + 1})`;

/** A colour variable as the canvas understands it. */
function resolved(color, from = document.body) {
  const probe = document.createElement('i');
  probe.style.color = color;
  from.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function Frame({ label, head, rows, legend, height, children, empty }) {
  const [table, setTable] = useState(false);
  return html`<figure class="chart" aria-label=${label}>
    <div class="row between top">${legend || html`<span></span>`}<${Button} ghost small icon=${table ? 'chart' : 'list'} label=${table ? 'Show as chart' : 'Show as table'} onClick=${() => setTable(!table)} /></div>
    ${empty ? html`<${Empty} icon="chart" title="Nothing in this time" />` : table ? html`<div class="scroll-x" tabindex="0" role="region" aria-label=${`${label}, as a table`} style=${{ maxHeight: '320px', overflow: 'auto' }}><table class="plain-table"><caption class="hidden">${label}</caption>
      <thead><tr>${head.map((one, i) => html`<th scope="col" class=${i ? 'end' : ''}>${one}</th>`)}</tr></thead><tbody>${rows().map((row) => html`<tr>${row.map((one, i) => (i ? html`<td class="end">${one}</td>` : html`<th scope="row">${one}</th>`))}</tr>`)}</tbody></table></div>`
      : html`<div class="plot" style=${height ? { height: `${height}px` } : {}} role="img" aria-label=${`${label}. The button before it shows the numbers as a table.`}>${children}</div>`}
  </figure>`;
}

function Legend({ series, off, toggle }) {
  return html`<div class="legend">${series.map((one, i) => html`<button type="button" aria-pressed=${String(!off.has(one.name))} onClick=${() => toggle(one.name)}>
    <i class="swatch" style=${{ '--color': colorOf(one, i) }}></i>${one.name}</button>`)}</div>`;
}

/** Several series, of which a person may switch some off. */
function useOff() {
  const [off, setOff] = useState(/** @type {Set<string>} */ (new Set()));
  return { off, toggle: (name) => setOff((old) => (old.has(name) ? new Set([...old].filter((one) => one !== name)) : new Set([...old, name]))) };
}

/** @param {{label: string, times: number[], series: {name: string, values: (number|null)[], color?: number, points?: boolean}[], format?: (n: any) => string, height?: number, stacked?: boolean, onPick?: (from: number, to: number) => void}} props `onPick`: a span was drawn with the mouse; `points`: for a series with gaps, whose lone values no line shows */
export function TimeChart({ label, times, series, format = count, height = 220, stacked, onPick }) {
  const box = useRef(/** @type {any} */ (null)), plot = useRef(/** @type {any} */ (null));
  const { off, toggle } = useOff();
  const [bubble, setBubble] = useState(/** @type {any} */ (null));
  const [theme, setTheme] = useState(0);
  const seen = series.map((one, i) => ({ ...one, css: colorOf(one, i) })).filter((one) => !off.has(one.name));
  const shape = seen.map((one) => one.name + one.css).join('|');
  const data = () => [times, ...(stacked ? stack(seen) : seen.map((one) => one.values))];
  const now = useRef(data); // what is to be drawn may have changed while the library was loading
  now.current = data;
  useEffect(() => onTheme(() => setTheme((n) => n + 1)), []);
  useEffect(() => {
    let gone = false;
    const watch = new ResizeObserver(() => plot.current && box.current && plot.current.setSize({ width: box.current.clientWidth, height }));
    const build = async () => {
      const [{ default: UPlot }] = /** @type {[any, void]} */ (await Promise.all([import('../vendor/uplot.js'), sheet(new URL('../vendor/uplot.css', import.meta.url))]));
      if (gone || !box.current) return;
      plot.current = new UPlot(options(), now.current(), box.current);
      watch.observe(box.current);
    };
    const options = () => {
      const grid = { stroke: resolved('var(--line)'), width: 1 }, stroke = resolved('var(--text-3)'), font = '11px system-ui, sans-serif';
      return {
        width: box.current.clientWidth, height, legend: { show: false }, padding: [8, 8, 0, 0],
        cursor: { points: { size: 6 }, drag: { x: !!onPick, y: false, setScale: false } },
        axes: [{ stroke, grid: { show: false }, ticks: { show: false }, font, size: 28, space: 70, values: (_, list, __, ___, step) => list.map((at) => tick(at, step)) },
          { stroke, grid, ticks: { show: false }, font, size: (_, list) => 14 + 6.5 * Math.max(2, ...(list ?? []).map((one) => one.length)), space: 40, values: (_, list) => list.map((one) => format(one)) }],
        scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1] } },
        series: [{}, ...seen.map((one) => {
          const color = resolved(one.css);
          return { label: one.name, stroke: color, width: 1.75, points: { show: one.points || times.length === 1 }, fill: stacked ? fade(color, 0.75) : seen.length < 3 ? fade(color, 0.1) : undefined };
        })],
        hooks: {
          setCursor: [(u) => setBubble(u.cursor.idx === null || u.cursor.idx === undefined ? null : { i: u.cursor.idx, x: u.cursor.left + u.bbox.left / devicePixelRatio })],
          setSelect: [(u) => u.select.width > 4 && (onPick?.(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x')), u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false))],
        },
      };
    };
    if (times.length) build();
    return () => ((gone = true), watch.disconnect(), plot.current?.destroy(), (plot.current = null));
  }, [shape, height, theme, times.length === 0, stacked]);
  useEffect(() => plot.current?.setData(data()), [times, series]);
  return html`<${Frame} label=${label} height=${height} empty=${!times.length} legend=${series.length > 1 && html`<${Legend} series=${series} off=${off} toggle=${toggle} />`}
      head=${['Time', ...series.map((one) => one.name)]} rows=${() => times.map((at, i) => [exact(at), ...series.map((one) => format(one.values[i]))])}>
    <div ref=${box} onPointerLeave=${() => setBubble(null)}></div>
    ${bubble && times[bubble.i] !== undefined && html`<${Bubble} x=${bubble.x} width=${box.current?.clientWidth ?? 0} title=${exact(times[bubble.i])} rows=${seen.map((one) => [one.name, format(one.values[bubble.i]), one.css])} />`}<//>`;
}

const pair = (n) => String(n).padStart(2, '0');
function tick(at, step) {
  const when = new Date(at * 1000);
  if (step >= 86400) return `${when.getDate()} ${when.toLocaleString('en', { month: 'short' })}`;
  return `${pair(when.getHours())}:${pair(when.getMinutes())}${step < 60 ? `:${pair(when.getSeconds())}` : ''}`;
}

const fade = (color, part) => color.replace(/^rgb\((.*)\)$/, (_, inside) => `rgba(${inside.includes(',') ? inside : inside.split(' ').join(',')}, ${part})`);

/** Each series on the shoulders of those after it, the tallest first. */
function stack(series) {
  const sums = series.map((one) => [...one.values]);
  for (let i = series.length - 2; i >= 0; i--) sums[i] = sums[i].map((value, at) => (value ?? 0) + (sums[i + 1][at] ?? 0));
  return sums;
}

function Bubble({ x, width, title, rows }) {
  const side = x > width * 0.55 ? { right: `${width - x + 12}px` } : { left: `${x + 12}px` };
  return html`<div class="bubble" style=${{ top: '4px', ...side }}><div class="faint">${title}</div>${rows.map(([name, value, color]) => html`<div class="row"><i class="swatch" style=${{ '--color': color }}></i>${name}<b>${value}</b></div>`)}</div>`;
}

function useWidth() {
  const ref = useRef(/** @type {any} */ (null));
  const [width, setWidth] = useState(600);
  useLayoutEffect(() => {
    const see = new ResizeObserver(() => ref.current && setWidth(Math.max(120, ref.current.clientWidth)));
    if (ref.current) see.observe(ref.current);
    return () => see.disconnect();
  }, []);
  return /** @type {[any, number]} */ ([ref, width]);
}

/** @param {{label: string, names: string[], ticks?: string[], series: {name: string, values: number[], color?: number}[], format?: (n: any) => string, height?: number, onPick?: (i: number) => void}} props `ticks`: what stands below, where not every n-th name; '' is nothing */
export function Columns({ label, names, ticks, series, format = count, height = 200, onPick }) {
  const [ref, width] = useWidth();
  const { off, toggle } = useOff();
  const [at, setAt] = useState(-1);
  const seen = series.map((one, i) => ({ ...one, css: colorOf(one, i) })).filter((one) => !off.has(one.name));
  const sums = names.map((_, i) => seen.reduce((sum, one) => sum + (one.values[i] ?? 0), 0));
  const high = nice(Math.max(0, ...sums)), marks = [0, high / 2, high];
  const left = 14 + 6.5 * Math.max(...marks.map((one) => format(one).length)), plot = height - 26, wide = (width - left) / Math.max(1, names.length);
  const y = (value) => 6 + plot - (value / high) * plot, every = Math.ceil(56 / wide);
  return html`<${Frame} label=${label} height=${height} empty=${!names.length} legend=${series.length > 1 && html`<${Legend} series=${series} off=${off} toggle=${toggle} />`}
      head=${['', ...series.map((one) => one.name)]} rows=${() => names.map((name, i) => [name, ...series.map((one) => format(one.values[i] ?? 0))])}>
    <div ref=${ref} onPointerLeave=${() => setAt(-1)}><svg viewBox=${`0 0 ${width} ${height}`} height=${height} aria-hidden="true">
      ${marks.map((one) => html`<line class="line" x1=${left} x2=${width} y1=${y(one)} y2=${y(one)} /><text x=${left - 8} y=${y(one) + 4} text-anchor="end">${format(one)}</text>`)}
      ${names.map((name, i) => {
        let base = 0;
        return html`<g onPointerEnter=${() => setAt(i)} onClick=${onPick && (() => onPick(i))}><rect x=${left + i * wide} y="0" width=${wide} height=${plot + 6} fill="transparent" />
          ${seen.map((one) => { const value = one.values[i] ?? 0, top = y(base + value), tall = y(base) - top; base += value; return tall > 0 && html`<rect x=${left + i * wide + wide * 0.14} width=${Math.max(1, wide * 0.72)} y=${top} height=${tall} rx="2" style=${{ fill: one.css, opacity: at < 0 || at === i ? '1' : '.55' }} />`; })}
          ${(ticks ? ticks[i] : i % every === 0) && html`<text x=${left + (i + 0.5) * wide} y=${height - 4} text-anchor="middle">${ticks ? ticks[i] : name}</text>`}</g>`;
      })}</svg></div>
    ${at >= 0 && html`<${Bubble} x=${left + (at + 0.5) * wide} width=${width} title=${names[at]} rows=${seen.map((one) => [one.name, format(one.values[at] ?? 0), one.css])} />`}<//>`;
}

function nice(value) {
  if (!(value > 0)) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((one) => one * size).find((one) => one >= value) ?? value;
}

/** The biggest first, each with its bar. @param {{label: string, rows: {name: any, value: number, note?: any, href?: string, color?: number}[], format?: (n: any) => string, most?: number}} props */
export function Ranks({ label, rows, format = count, most = 10 }) {
  const [all, setAll] = useState(false);
  const sorted = [...rows].sort((a, b) => b.value - a.value), high = Math.max(1e-12, ...rows.map((one) => one.value));
  if (!rows.length) return html`<${Empty} icon="chart" title="Nothing in this time" />`;
  return html`<div class="chart"><div class="rank" role="list" aria-label=${label}>${sorted.slice(0, all ? undefined : most).map((one) => html`<div role="listitem" style=${{ display: 'contents' }}>
      <span class="cut">${one.href ? html`<a href=${one.href}>${one.name}</a>` : one.name}</span><span class="bar" aria-hidden="true" style=${{ '--color': `var(--c${one.color ?? 1})` }}><i style=${{ width: `${(one.value / high) * 100}%` }}></i></span>
      <span class="num right">${format(one.value)}${one.note && html` <span class="faint">${one.note}</span>`}</span></div>`)}</div>
    ${rows.length > most && html`<div><${Button} small ghost onClick=${() => setAll(!all)}>${all ? 'Fewer' : `All ${rows.length}`}<//></div>`}</div>`;
}

/** @param {{label: string, parts: {name: string, value: number, color?: number}[], format?: (n: any) => string, middle?: any}} props */
export function Donut({ label, parts, format = count, middle }) {
  const whole = parts.reduce((sum, one) => sum + one.value, 0);
  const R = 42, round = 2 * Math.PI * R;
  let from = 0;
  return html`<${Frame} label=${label} empty=${!whole} head=${['', label]} rows=${() => parts.map((one) => [one.name, format(one.value)])}>
    <div class="row gap-6 wrap"><svg viewBox="0 0 100 100" style=${{ width: '132px', flex: 'none' }} aria-hidden="true">${parts.map((one, i) => {
      const part = one.value / whole, start = from;
      from += part;
      return part > 0 && html`<circle cx="50" cy="50" r=${R} fill="none" stroke-width="13" stroke-dasharray=${`${Math.max(0, part * round - (part < 1 ? 1.5 : 0))} ${round}`} stroke-dashoffset=${-start * round} transform="rotate(-90 50 50)" style=${{ stroke: colorOf(one, i) }} />`;
    })}<text x="50" y="54" text-anchor="middle" style=${{ fontSize: '14px', fontWeight: '600', fill: 'var(--text)' }}>${middle ?? format(whole)}</text></svg>
    <div class="col gap-1 grow">${parts.map((one, i) => html`<div class="row"><i class="swatch" style=${{ '--color': colorOf(one, i) }}></i><span class="cut">${one.name}</span><span class="grow"></span><span class="num">${format(one.value)}</span><span class="num faint right" style=${{ width: '44px' }}>${whole ? Math.round((one.value / whole) * 100) : 0} %</span></div>`)}</div></div><//>`;
}

/** A line without axes, for a tile. */
export function Spark({ values, label, color = 1 }) {
  if (values.length < 2) return html`<div class="spark"></div>`;
  const high = Math.max(1e-12, ...values), at = values.map((one, i) => `${((i / (values.length - 1)) * 100).toFixed(2)},${(30 - (one / high) * 28).toFixed(2)}`).join(' L');
  return html`<svg class=${cx('spark')} viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label=${label}><path class="under" style=${{ fill: `var(--c${color})` }} d=${`M0,32 L${at} L100,32 Z`} /><path style=${{ stroke: `var(--c${color})` }} d=${`M${at}`} /></svg>`;
}
