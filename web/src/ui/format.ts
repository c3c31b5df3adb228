/** Numbers for people: short, with a true minus sign, the same in both languages. */

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function power(exponent: number): string {
  const digits = [...String(Math.abs(exponent))].map((digit) => RAISED[Number(digit)]).join('');
  return `×10${exponent < 0 ? '⁻' : ''}${digits}`;
}

/** A number to so many significant digits: 0.0123, −7, 1.2×10⁻⁷, NaN, ∞. */
export function num(value: number, digits = 4): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  const sign = value < 0 ? '−' : '';
  if (size >= 1e6 || size < 1e-4) {
    const [mantissa, exponent] = size.toExponential(digits - 1).split('e');
    return `${sign}${trimmed(mantissa)}${power(Number(exponent))}`;
  }
  const rounded = Number(size.toPrecision(digits));
  return sign + (rounded >= 10 ** digits ? size.toFixed(0) : trimmed(size.toPrecision(digits)));
}

/** The same with a sign always: +0.5, −0.5, ±0 stays 0. */
export function signed(value: number, digits = 4): string {
  return value > 0 ? `+${num(value, digits)}` : num(value, digits);
}

/** Digits that a screen reader and a spreadsheet read alike: no raised exponents, every bit kept. */
export function exact(value: number): string {
  return Number.isNaN(value) ? 'nan' : Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : '-inf';
}

/** A percentage: 10 %. */
export function percent(share: number): string {
  return `${num(share * 100, 3)} %`;
}

function trimmed(text: string): string {
  if (text.includes('e')) return String(Number(text));
  return text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text;
}
