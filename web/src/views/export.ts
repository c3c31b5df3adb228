/** What is on the screen as a file: a drawing as SVG or PNG with its colours written into it, numbers as CSV. */

export type Cell = string | number | null | undefined;

/**
 * Rows of cells as CSV (RFC 4180, CRLF). Numbers keep all their digits; NaN and infinities are spelt as Python and
 * pandas read them. Words that a spreadsheet would run as a formula are defused.
 */
export function csv(header: readonly string[], rows: Iterable<readonly Cell[]>): string {
  const lines = [header.map(cell).join(',')];
  for (const row of rows) lines.push(row.map(cell).join(','));
  return lines.join('\r\n') + '\r\n';
}

function cell(value: Cell): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return 'nan';
    return Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : '-inf';
  }
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Where the page's theme reaches a drawing: these are computed and written into the copy. */
const LOOKS = [
  'fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-opacity', 'stroke-dasharray', 'stroke-linecap',
  'stroke-linejoin', 'opacity', 'font-family', 'font-size', 'font-weight', 'font-style', 'text-anchor',
  'dominant-baseline', 'paint-order', 'visibility', 'mix-blend-mode',
] as const;

/** What stands around a drawing in its file, because the page around it is not there: a heading, and whose line is whose. */
export interface Caption {
  heading?: string;
  legend?: readonly { label: string; colour: string; dash: string }[];
}

const EDGE = 16;

/** A drawing as a file that looks the same outside the page: computed colours inside, the page's paper below. */
export function svgText(drawing: SVGSVGElement, caption: Caption = {}): string {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const from = [drawing, ...drawing.querySelectorAll<SVGElement>('*')];
  const to = [copy, ...copy.querySelectorAll<SVGElement>('*')];
  from.forEach((element, index) => {
    const target = to[index];
    if (!target) return;
    const style = getComputedStyle(element);
    if (style.display === 'none' || element.hasAttribute('data-screen-only')) {
      target.setAttribute('display', 'none');
      return;
    }
    target.setAttribute('style', LOOKS.map((name) => `${name}:${style.getPropertyValue(name)}`).join(';'));
    target.removeAttribute('class');
  });
  const { width, height } = size(drawing);
  const ink = colourOf('var(--ink)', drawing);
  const family = getComputedStyle(drawing).fontFamily;
  const text = (x: number, y: number, said: string, font: string): SVGElement =>
    element('text', { x, y, style: `font:${font} ${family};fill:${ink}` }, said);

  const parts: SVGElement[] = [];
  let top = EDGE;
  if (caption.heading) {
    parts.push(text(0, -10, caption.heading, '600 15px'));
    top += 22;
  }
  let bottom = EDGE;
  if (caption.legend?.length) {
    let [x, y] = [0, height + 22];
    for (const { label, colour, dash } of caption.legend) {
      const wide = 44 + [...label].reduce((sum, letter) => sum + (letter > '\u2e7f' ? 13 : 7.4), 0);
      if (x > 0 && x + wide > width) [x, y] = [0, y + 20];
      const stroke = `stroke:${colourOf(colour, drawing)};stroke-width:3;stroke-dasharray:${dash || 'none'}`;
      parts.push(element('line', { x1: x, x2: x + 32, y1: y - 4, y2: y - 4, style: stroke }), text(x + 38, y, label, '400 13px'));
      x += wide + 12;
    }
    bottom += y - height + 4;
  }
  const [w, h] = [width + 2 * EDGE, height + top + bottom];
  copy.setAttribute('xmlns', SVG);
  copy.setAttribute('viewBox', `${-EDGE} ${-top} ${w} ${h}`);
  copy.setAttribute('width', String(w));
  copy.setAttribute('height', String(h));
  copy.removeAttribute('aria-hidden');
  copy.prepend(element('rect', { x: -EDGE, y: -top, width: w, height: h, fill: background(drawing) }));
  copy.append(...parts);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
}

const SVG = 'http://www.w3.org/2000/svg';

function element(name: string, attributes: Record<string, string | number>, said = ''): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = said;
  return made;
}

/** A colour as it is at a place of the page: variables and themes resolved. */
function colourOf(colour: string, place: Element): string {
  const probe = document.createElement('span');
  probe.style.color = colour;
  (place.parentElement ?? document.body).append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function size(drawing: SVGSVGElement): { width: number; height: number } {
  const box = drawing.viewBox.baseVal;
  if (box && box.width > 0) return { width: box.width, height: box.height };
  const { width, height } = drawing.getBoundingClientRect();
  return { width, height };
}

/** The first colour below a drawing that is not see-through. */
function background(element: Element): string {
  for (let at: Element | null = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (colour && colour !== 'transparent' && !/, 0\)$/.test(colour)) return colour;
  }
  return '#ffffff';
}

/** A drawing as a PNG, `scale` times its size on the page. Nothing leaves the page: the picture is a data URL. */
export async function pngBlob(drawing: SVGSVGElement, caption: Caption = {}, scale = 2): Promise<Blob> {
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(drawing, caption))}`;
  await picture.decode();
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(picture.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(picture.naturalHeight * scale));
  canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture could not be made'))), 'image/png'),
  );
}

/** Hand a file to the reader. */
export function save(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export const saveSvg = (name: string, drawing: SVGSVGElement, caption?: Caption): void =>
  save(`${name}.svg`, new Blob([svgText(drawing, caption)], { type: 'image/svg+xml' }));

export const savePng = async (name: string, drawing: SVGSVGElement, caption?: Caption): Promise<void> =>
  save(`${name}.png`, await pngBlob(drawing, caption));

/** The mark at the head tells spreadsheets that the letters are UTF-8. */
export const saveCsv = (name: string, text: string): void =>
  save(`${name}.csv`, new Blob(['\ufeff', text], { type: 'text/csv;charset=utf-8' }));
