/** A typed formula becomes a tree by a whitelist: numbers, x, y, pi, e, + - * / ^ and six functions. Nothing is ever run as code. */

export const FUNCTIONS = ['sin', 'cos', 'exp', 'log', 'sqrt', 'abs'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];
export type ConstantName = 'pi' | 'e';
export type Operator = '+' | '-' | '*' | '/' | '^';

export type Node =
  | { kind: 'number'; value: number }
  | { kind: 'constant'; name: ConstantName }
  | { kind: 'variable'; name: 'x' | 'y' }
  | { kind: 'negative'; of: Node }
  | { kind: 'call'; name: FunctionName | 'sign'; of: Node }
  | { kind: 'binary'; operator: Operator; left: Node; right: Node };

export const LONGEST = 200;
export const DEEPEST = 40;

/** What may be wrong; the words for it are in words/formula.ts. */
export type Fault =
  | { why: 'empty' }
  | { why: 'long'; length: number }
  | { why: 'deep'; at: number }
  | { why: 'character'; at: number; found: string }
  | { why: 'name'; at: number; found: string }
  | { why: 'number'; at: number; found: string }
  | { why: 'unexpected'; at: number; found: string; expected: Expected };
export type Expected = 'value' | 'operator' | 'open' | 'close';

/** The error of a formula: `fault.at` counts characters from 0. */
export class FormulaError extends Error {
  constructor(readonly fault: Fault) {
    super(`the formula cannot be read: ${fault.why}${'at' in fault ? ` at ${fault.at}` : ''}`);
  }
}

interface Token {
  kind: 'number' | 'name' | 'sign' | 'end';
  text: string;
  at: number;
}

const NAMES = [...FUNCTIONS, 'pi', 'e', 'x', 'y'].sort((a, b) => b.length - a.length);
const LOOKALIKES: Record<string, string> = {
  '−': '-', '–': '-', '×': '*', '·': '*', '⋅': '*', '÷': '/', '（': '(', '）': ')', '＋': '+', '＊': '*', '／': '/', '＾': '^', 'π': 'pi',
  '²': '^2', '³': '^3', '√': 'sqrt',
};

function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const space = /^[\s\u3000]+/.exec(rest);
    const number = /^(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?/.exec(rest);
    const letters = /^[A-Za-z]+/.exec(rest);
    if (space) {
      at += space[0].length;
    } else if (number) {
      // In 2exp(x) and 2e the e is the function's or the constant's: only digits after it make an exponent (2e3).
      if (!Number.isFinite(Number(number[0]))) throw new FormulaError({ why: 'number', at, found: number[0] });
      found.push({ kind: 'number', text: number[0], at });
      at += number[0].length;
    } else if (letters) {
      at += names(letters[0], at, found);
    } else if (rest.startsWith('**')) {
      found.push({ kind: 'sign', text: '^', at });
      at += 2;
    } else if ('+-*/^()'.includes(rest[0])) {
      found.push({ kind: 'sign', text: rest[0], at });
      at += 1;
    } else if (Object.hasOwn(LOOKALIKES, rest[0])) {
      for (const token of tokens(LOOKALIKES[rest[0]])) if (token.kind !== 'end') found.push({ ...token, at });
      at += 1;
    } else {
      throw new FormulaError({ why: 'character', at, found: String.fromCodePoint(rest.codePointAt(0) ?? 63) });
    }
  }
  found.push({ kind: 'end', text: '', at: text.length });
  return found;
}

/** Letters in a row are known names in a row: `xy` is x y, `xsin` is x sin; anything left over is an error. */
function names(letters: string, at: number, found: Token[]): number {
  const parts: Token[] = [];
  let done = 0;
  while (done < letters.length) {
    const name = NAMES.find((each) => letters.startsWith(each, done));
    if (!name) throw new FormulaError({ why: 'name', at, found: letters });
    parts.push({ kind: 'name', text: name, at: at + done });
    done += name.length;
  }
  found.push(...parts);
  return letters.length;
}

/**
 * Reads a formula.
 *
 * Precedence, loosest first: `+ -`, `* /` and things side by side, a sign in front, `^` (to the right: 2^3^2 = 2^9;
 * -x^2 is -(x^2), as in Python).
 */
export function parse(text: string): Node {
  if (text.length > LONGEST) throw new FormulaError({ why: 'long', length: text.length });
  if (text.trim() === '') throw new FormulaError({ why: 'empty' });
  const stream = tokens(text);
  let next = 0;
  let depth = 0;

  const peek = (): Token => stream[next];
  const take = (): Token => stream[next++];
  const isSign = (...signs: string[]): boolean => peek().kind === 'sign' && signs.includes(peek().text);
  const wrong = (expected: Expected): never => {
    throw new FormulaError({ why: 'unexpected', at: peek().at, found: peek().text, expected });
  };

  function deeper<T>(inside: () => T): T {
    if (++depth > DEEPEST) throw new FormulaError({ why: 'deep', at: peek().at });
    const result = inside();
    depth -= 1;
    return result;
  }

  function sum(): Node {
    let left = product();
    while (isSign('+', '-')) {
      const operator = take().text as Operator;
      left = { kind: 'binary', operator, left, right: product() };
    }
    return left;
  }

  function product(): Node {
    let left = negated();
    for (;;) {
      if (isSign('*', '/')) {
        const operator = take().text as Operator;
        left = { kind: 'binary', operator, left, right: negated() };
      } else if (peek().kind === 'number' || peek().kind === 'name' || isSign('(')) {
        left = { kind: 'binary', operator: '*', left, right: raised() };
      } else {
        return left;
      }
    }
  }

  function negated(): Node {
    return deeper(() => {
      if (isSign('-')) {
        take();
        return { kind: 'negative', of: negated() };
      }
      if (isSign('+')) {
        take();
        return negated();
      }
      return raised();
    });
  }

  function raised(): Node {
    const left = atom();
    if (!isSign('^')) return left;
    take();
    return { kind: 'binary', operator: '^', left, right: negated() };
  }

  function atom(): Node {
    const token = peek();
    if (token.kind === 'number') {
      take();
      return { kind: 'number', value: Number(token.text) };
    }
    if (isSign('(')) return group();
    if (token.kind !== 'name') return wrong('value');
    take();
    if (token.text === 'x' || token.text === 'y') return { kind: 'variable', name: token.text };
    if (token.text === 'pi' || token.text === 'e') return { kind: 'constant', name: token.text };
    return isSign('(') ? { kind: 'call', name: token.text as FunctionName, of: group() } : wrong('open');
  }

  function group(): Node {
    take();
    const inside = deeper(sum);
    if (!isSign(')')) wrong('close');
    take();
    return inside;
  }

  const whole = sum();
  if (peek().kind !== 'end') wrong('operator');
  return whole;
}
