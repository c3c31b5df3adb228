/** Letters and signs of the prose ("lr · g / (√h + ε)", "g_1²", "ρ^k") as the inside of a <math> element. */

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹';
const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

function atom(text: string): string {
  if (/^\d/.test(text)) return `<mn>${text}</mn>`;
  if (/^[\p{L}]+$/u.test(text)) return text.length > 1 ? `<mi mathvariant="normal">${text}</mi>` : `<mi>${text}</mi>`;
  return `<mo>${escaped(text)}</mo>`;
}

export function mathml(text: string): string {
  const tokens = text.match(/\d+(?:\.\d+)?|\p{L}+|[⁰¹²³⁴⁵⁶⁷⁸⁹]+|\S/gu) ?? [];
  let at = 0;

  /** One thing with whatever is written below or above it. */
  function thing(): string {
    let made: string;
    const token = tokens[at++];
    if (token === '√') made = `<msqrt>${thing()}</msqrt>`;
    else made = atom(token);
    let below = '';
    let above = '';
    for (;;) {
      const next = tokens[at];
      if (next === '_' && tokens[at + 1] !== undefined) {
        below = atom(tokens[at + 1]);
        at += 2;
      } else if (next === '^' && tokens[at + 1] !== undefined) {
        above = atom(tokens[at + 1]);
        at += 2;
      } else if (next !== undefined && RAISED.includes(next[0]) && token !== '√') {
        above = `<mn>${[...next].map((digit) => RAISED.indexOf(digit)).join('')}</mn>`;
        at += 1;
      } else break;
    }
    if (below && above) return `<msubsup>${made}${below}${above}</msubsup>`;
    if (below) return `<msub>${made}${below}</msub>`;
    return above ? `<msup>${made}${above}</msup>` : made;
  }

  let out = '';
  while (at < tokens.length) out += thing();
  return out;
}
