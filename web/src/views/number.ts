/** Numbers in the views: the lab's own spelling, with a dash for what is not there. */
import { num } from '../ui/format';

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** "⁻³" of -3. */
export const raised = (power: number): string =>
  (power < 0 ? '⁻' : '') + [...String(Math.abs(power))].map((digit) => RAISED[Number(digit)]).join('');

/** "0.0123", "1.2×10⁻⁷", "−4", "NaN"; "–" for null. */
export const number = (value: number | null | undefined, digits = 3): string =>
  value === null || value === undefined ? '–' : num(value, digits);

/** A share in per cent, without the sign: 0.0651 gives "6.51". */
export const percent = (share: number | null | undefined, digits = 2): string =>
  share === null || share === undefined || !Number.isFinite(share) ? '–' : (100 * share).toFixed(digits);

/** A whole number with its thousands apart: "10,662". */
export const whole = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });
