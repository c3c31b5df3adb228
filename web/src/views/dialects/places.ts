/** Where eps and lr sit in a rule, read from its own lines. */
import type { Rule } from '../../engine/types';

export type EpsPlace = 'outside' | 'inside' | 'corrected' | 'under' | 'none';

/** What stands inside the parentheses of every `sqrt(...)` of a line. */
export function roots(python: string): string[] {
  const found: string[] = [];
  for (let at = python.indexOf('sqrt('); at >= 0; at = python.indexOf('sqrt(', at + 1)) {
    let depth = 0;
    for (let end = at + 4; end < python.length; end++) {
      if (python[end] === '(') depth++;
      else if (python[end] === ')' && --depth === 0) {
        found.push(python.slice(at + 5, end));
        break;
      }
    }
  }
  return found;
}

export function epsPlace(rule: Rule): EpsPlace {
  const made = rule.lines.find((line) => line.role === 'setting' && line.reads.includes('eps'));
  const names = made ? ['eps', made.target] : ['eps'];
  const used = rule.lines.filter((line) => line.role !== 'setting' && line.reads.some((name) => names.includes(name)));
  if (!used.length) return 'none';
  const within = used.flatMap((line) => roots(line.python)).filter((inner) => names.some((name) => new RegExp(`\\b${name}\\b`).test(inner)));
  if (within.length > 1) return 'under';
  if (within.length === 1) return 'inside';
  return made ? 'corrected' : 'outside';
}

/** For a rule with a velocity: whether lr is part of what is remembered. Null for the others. */
export function lrPlace(rule: Rule): 'inside' | 'outside' | null {
  if (!rule.settings.includes('momentum')) return null;
  return rule.lines.some((line) => line.role === 'state' && line.reads.includes('lr')) ? 'inside' : 'outside';
}
