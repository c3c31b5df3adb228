/** A rule's line with the live numbers in the places of its letters: h ← 1.13 + 0.7² = 1.62. */
import type { Rule, RuleLine } from '../../engine/types';
import { num } from '../../ui/format';

/** What every name is worth before a line, and what the line gives its target. */
export interface LiveLine {
  line: RuleLine;
  before: Record<string, number>;
  result: number;
}

/** Play one step of a rule for one coordinate: each line with the numbers that it finds and the one that it makes. */
export function live(
  rule: Rule, w: number, g: number, states: readonly number[], settings: readonly number[],
): LiveLine[] {
  const results = rule.trace(w, g, states, settings);
  const values: Record<string, number> = { w, g };
  rule.states.forEach((name, index) => (values[name] = states[index]));
  rule.settings.forEach((name, index) => (values[name] = settings[index]));
  return rule.lines.map((line, index) => {
    const before = { ...values };
    values[line.target] = results[index];
    return { line, before, result: results[index] };
  });
}

/**
 * A number as one MathML element. A negative one stands in parentheses, so that no two signs meet, and so does a power
 * of ten that is itself raised.
 */
export function mathNumber(value: number, { digits = 4, raised = false, bare = false } = {}): string {
  const text = num(value, digits);
  const [, sign, mantissa, power] = /^(−?)(.*?)(?:×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?$/.exec(text)!;
  let inner = `<mn>${mantissa}</mn>`;
  if (power !== undefined) inner += `<mo>×</mo><msup><mn>10</mn><mn>${lowered(power)}</mn></msup>`;
  if (sign) inner = `<mo form="prefix">−</mo>${inner}`;
  if (!bare && (sign || (raised && power !== undefined))) inner = `<mo>(</mo>${inner}<mo>)</mo>`;
  return sign || power !== undefined ? `<mrow>${inner}</mrow>` : inner;
}

const lowered = (power: string): string =>
  [...power].map((letter) => (letter === '⁻' ? '−' : String('⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(letter)))).join('');

/** The pieces of a formula: every `<mi data-name="...">...</mi>` whole, and the text between them. */
export function* pieces(mathml: string): Generator<{ text: string; name: string | null }> {
  const opening = /<mi\b[^>]*\bdata-name="([^"]*)"[^>]*>/g;
  let from = 0;
  for (let found = opening.exec(mathml); found; found = opening.exec(mathml)) {
    let depth = 1;
    const tags = /<(\/?)mi\b[^>]*?(\/?)>/g;
    tags.lastIndex = opening.lastIndex;
    let end = mathml.length;
    for (let tag = tags.exec(mathml); tag; tag = tags.exec(mathml)) {
      if (tag[2]) continue;
      depth += tag[1] ? -1 : 1;
      if (!depth) {
        end = tags.lastIndex;
        break;
      }
    }
    if (found.index > from) yield { text: mathml.slice(from, found.index), name: null };
    yield { text: mathml.slice(found.index, end), name: found[1] };
    from = opening.lastIndex = end;
  }
  if (from < mathml.length) yield { text: mathml.slice(from), name: null };
}

/** Invisible multiplication would run two numbers together. */
const times = (text: string): string => text.replace(/<mo[^>]*>(?:&#x2062;|&InvisibleTimes;|\u2062)<\/mo>/g, '<mo>·</mo>');

/** The formula with numbers for letters; its target stays a letter. */
export function substituted({ line, before }: LiveLine, digits = 4): string {
  const arrow = /<mo[^>]*>(?:←|=)<\/mo>/.exec(line.mathml);
  const cut = arrow ? arrow.index + arrow[0].length : 0;
  let out = line.mathml.slice(0, cut);
  for (const { text, name } of pieces(line.mathml.slice(cut))) {
    if (name !== null && name in before) {
      out += mathNumber(before[name], { digits, raised: out.endsWith('<msup>') });
    } else {
      out += name === null ? times(text) : text;
    }
  }
  return out;
}

/** What the line gives: the end of the substituted formula. */
export const equals = ({ result }: LiveLine, digits = 4): string =>
  `<mo>=</mo>${mathNumber(result, { digits, bare: true })}`;

/** The Python text with numbers for names, and what comes out: "h = 1.13 + 0.7 * 0.7 = 1.62". */
export function typedOut({ line, before, result }: LiveLine, digits = 4): string {
  const cut = line.python.indexOf('=') + 1;
  const right = line.python.slice(cut).replace(/(?<![\w.])[A-Za-z_]\w*(?!\w*\()/g, (name) => {
    if (!(name in before)) return name;
    const text = num(before[name], digits);
    return text.startsWith('−') ? `(${text})` : text;
  });
  return `${line.python.slice(0, cut)}${right} = ${num(result, digits)}`;
}

/** The same as one line of plain text for screen readers and CSV: "h = h + g * g, with h = 1.13, g = 0.7: h = 1.62". */
export function spelled({ line, before, result }: LiveLine, digits = 4): string {
  const given = line.reads.filter((name) => name in before).map((name) => `${name} = ${num(before[name], digits)}`);
  return `${line.python}${given.length ? ` | ${given.join(', ')}` : ''} → ${line.target} = ${num(result, digits)}`;
}
