/** The walk as a Python program for nukarumi: run it, and every place is the same to the last bit. */
import type { Hiker, Rule } from '../engine/types';
import { turnedPython, type Formula } from '../formula';
import { ruleFor, settingsFor, turns, variantFor, version } from '../state/library';
import type { LabState } from '../state/types';

/** A number as Python writes it. */
function literal(value: number): string {
  if (Number.isNaN(value)) return 'float("nan")';
  if (!Number.isFinite(value)) return value > 0 ? 'float("inf")' : 'float("-inf")';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

const quoted = (text: string): string => JSON.stringify(text);

/** The call that makes a hiker's optimizer. */
export function call(hiker: Hiker): string {
  const made = variantFor(hiker).python;
  const own = Object.entries(hiker.settings).map(([name, value]) => `${name}=${literal(value)}`);
  const open = made.replace(/\.like\("book"\)$/, '()');
  const rest = [...own, 'on_nonfinite="ignore"'].join(', ');
  return open.endsWith('()') ? `${open.slice(0, -1)}${rest})` : `${open.slice(0, -1)}, ${rest})`;
}

/** The class of a rule that is broken on purpose, made of the rule's own lines. */
function broken(name: string, hiker: Hiker, rule: Rule): string {
  const given = settingsFor(hiker);
  const starts = variantFor(hiker).starts;
  const settings = rule.settings.filter((each) => each !== 't');
  const state = rule.states.map((letter) => {
    const start = starts[letter] ?? 0;
    return `self.${letter} = {"x": np.full(1, ${literal(typeof start === 'string' ? given[start] : start)}), "y": np.full(1, ${literal(typeof start === 'string' ? given[start] : start)})}`;
  });
  return [
    `class ${name}:`,
    `    """${hiker.optimizer} with the mistake ${quoted(hiker.whatif ?? '').slice(1, -1)}."""`,
    '',
    '    def __init__(self):',
    '        self.t = 0',
    ...state.map((line) => `        ${line}`),
    '',
    '    def update(self, params, grads):',
    '        self.t += 1',
    '        t = float(self.t)',
    ...settings.map((each) => `        ${each} = ${literal(given[each])}`),
    '        for key in params:',
    `            ${['w', 'g', ...rule.states].join(', ')} = ${['params[key]', 'grads[key]', ...rule.states.map((letter) => `self.${letter}[key]`)].join(', ')}`,
    ...rule.lines.map((line) => `            ${line.python}`),
    `            ${['params[key][...]', ...rule.states.map((letter) => `self.${letter}[key]`)].join(', ')} = ${['w', ...rule.states].join(', ')}`,
    '',
  ].join('\n');
}

/** The program. It leaves the places of every hiker in `walks`, a dict from the hiker's number to an array (steps + 1, 2). */
export function walkProgram(lab: LabState, typed: Formula | null): string {
  const { noise, seed, steps, start, rotation } = lab;
  const hikers = lab.hikers.map((hiker) => ({ hiker, rule: ruleFor(hiker) }));
  const classes = [...new Set(hikers.filter(({ hiker }) => hiker.whatif === null).map(({ hiker }) => hiker.optimizer))].sort();
  const mutants = hikers.filter(({ hiker }) => hiker.whatif !== null);
  const functions = mutants.length
    ? [...new Set(mutants.flatMap(({ rule }) => rule.lines.flatMap((line) => line.python.match(/\b(sqrt|abs|maximum|minimum|sign)\b(?=\()/g) ?? [])))].sort()
    : [];
  const out: string[] = [`# A walk of the lab of nukarumi ${version}. The places in \`walks\` equal the lab's to the last bit${typed ? ',' : '.'}`];
  if (typed) out.push('# but for the last bit of sin, cos, exp, log and of powers that are not small whole numbers.');
  out.push('import numpy as np');
  if (functions.length) out.push(`from numpy import ${functions.join(', ')}`);
  out.push('');
  if (classes.length) out.push(`from nukarumi import ${classes.join(', ')}`);
  if (typed) {
    if (noise > 0) out.push('from nukarumi.problems.noise import normals');
    out.push('', typed.python.gradient);
    if (rotation !== 0) out.push('', turnedPython(turns.cos[rotation], turns.sin[rotation]));
    if (noise > 0) out.push('', `z = normals(${seed}, range(${steps}))`);
    const slope = rotation === 0 ? 'gradient' : 'turned';
    out.push('', 'def slopes(x, y, step):', `    gx, gy = ${slope}(np.float64(x), np.float64(y))`);
    out.push(noise > 0 ? `    return gx + ${literal(noise)} * z[step, 0], gy + ${literal(noise)} * z[step, 1]` : '    return gx, gy');
  } else {
    const angle = rotation === 0 ? '' : `, angle=${rotation}`;
    out.push('from nukarumi.problems.terrains import terrain', '');
    out.push(`slopes = terrain(${quoted(lab.terrain)}${angle}).walker(noise=${literal(noise)}, seed=${seed}).gradient`);
  }
  out.push('');
  let mutant = 0;
  const makers = hikers.map(({ hiker, rule }) => {
    if (hiker.whatif === null) return call(hiker);
    const name = `Broken${++mutant}`;
    out.push('', broken(name, hiker, rule));
    return `${name}()`;
  });
  out.push('hikers = [', ...makers.map((maker) => `    ${maker},`), ']');
  out.push(
    '',
    'walks = {}',
    'for number, hiker in enumerate(hikers):',
    `    params = {"x": np.array([${literal(start[0])}]), "y": np.array([${literal(start[1])}])}`,
    `    places = [(${literal(start[0])}, ${literal(start[1])})]`,
    `    for step in range(${steps}):`,
    '        with np.errstate(all="ignore"):',
    '            gx, gy = slopes(*places[-1], step)',
    '            hiker.update(params, {"x": np.array([gx]), "y": np.array([gy])})',
    '        places.append((float(params["x"][0]), float(params["y"][0])))',
    '        if not np.isfinite(places[-1]).all():',
    '            break',
    '    walks[number] = np.array(places)',
    '    print(number, type(hiker).__name__, "after", len(places) - 1, "steps:", *places[-1])',
    '',
  );
  return out.join('\n');
}
