/** Derivatives by the rules of school, tidied as they are built; the tree of the slope is as plain as that of the height. */
import type { FunctionName, Node, Operator } from './syntax';

export const number = (value: number): Node => ({ kind: 'number', value });

const is = (node: Node, value: number): boolean => node.kind === 'number' && node.value === value;

/** Whether neither x nor y occurs. */
export function fixed(node: Node): boolean {
  switch (node.kind) {
    case 'variable':
      return false;
    case 'negative':
    case 'call':
      return fixed(node.of);
    case 'binary':
      return fixed(node.left) && fixed(node.right);
    default:
      return true;
  }
}

const binary = (operator: Operator, left: Node, right: Node): Node => ({ kind: 'binary', operator, left, right });
const call = (name: FunctionName | 'sign', of: Node): Node => ({ kind: 'call', name, of });

/** Sums and products of whole numbers that stay exact are worked out; all other arithmetic is left as it stands. */
function folded(a: Node, b: Node, result: number): Node | null {
  if (a.kind !== 'number' || b.kind !== 'number') return null;
  const small = [a.value, b.value, result].every((value) => Number.isInteger(value) && Math.abs(value) <= 2 ** 31);
  return small ? signed(result) : null;
}

const signed = (value: number): Node => (value < 0 ? { kind: 'negative', of: number(-value) } : number(value));

export function negative(of: Node): Node {
  if (is(of, 0)) return of;
  return of.kind === 'negative' ? of.of : { kind: 'negative', of };
}

export function plus(a: Node, b: Node): Node {
  if (is(a, 0)) return b;
  if (is(b, 0)) return a;
  if (b.kind === 'negative') return minus(a, b.of);
  return (a.kind === 'number' && b.kind === 'number' && folded(a, b, a.value + b.value)) || binary('+', a, b);
}

export function minus(a: Node, b: Node): Node {
  if (is(b, 0)) return a;
  if (is(a, 0)) return negative(b);
  if (b.kind === 'negative') return plus(a, b.of);
  return (a.kind === 'number' && b.kind === 'number' && folded(a, b, a.value - b.value)) || binary('-', a, b);
}

export function times(a: Node, b: Node): Node {
  if (is(a, 0) || is(b, 0)) return number(0);
  if (is(a, 1)) return b;
  if (is(b, 1)) return a;
  if (a.kind === 'negative') return negative(times(a.of, b));
  if (b.kind === 'negative') return negative(times(a, b.of));
  if (b.kind === 'number' && a.kind !== 'number') return times(b, a);
  return (a.kind === 'number' && b.kind === 'number' && folded(a, b, a.value * b.value)) || binary('*', a, b);
}

export function over(a: Node, b: Node): Node {
  if (is(a, 0)) return a;
  if (is(b, 1)) return a;
  if (a.kind === 'negative') return negative(over(a.of, b));
  return binary('/', a, b);
}

export function power(a: Node, b: Node): Node {
  if (is(b, 1)) return a;
  return binary('^', a, b);
}

/** The slope of a formula along x or along y. */
export function derivative(node: Node, by: 'x' | 'y'): Node {
  if (fixed(node)) return number(0);
  switch (node.kind) {
    case 'variable':
      return number(node.name === by ? 1 : 0);
    case 'negative':
      return negative(derivative(node.of, by));
    case 'call':
      return ofCall(node.name, node.of, derivative(node.of, by));
    case 'binary':
      return ofBinary(node.operator, node.left, node.right, derivative(node.left, by), derivative(node.right, by));
    default:
      return number(0);
  }
}

function ofCall(name: FunctionName | 'sign', of: Node, inner: Node): Node {
  switch (name) {
    case 'sin':
      return times(call('cos', of), inner);
    case 'cos':
      return negative(times(call('sin', of), inner));
    case 'exp':
      return times(call('exp', of), inner);
    case 'log':
      return over(inner, of);
    case 'sqrt':
      return over(inner, times(number(2), call('sqrt', of)));
    case 'abs':
      return times(call('sign', of), inner);
    case 'sign':
      return number(0);
  }
}

function ofBinary(operator: Operator, left: Node, right: Node, dl: Node, dr: Node): Node {
  switch (operator) {
    case '+':
      return plus(dl, dr);
    case '-':
      return minus(dl, dr);
    case '*':
      return plus(times(dl, right), times(left, dr));
    case '/':
      if (fixed(right)) return over(dl, right);
      if (fixed(left)) return negative(over(times(left, dr), power(right, number(2))));
      return over(minus(times(dl, right), times(left, dr)), power(right, number(2)));
    case '^':
      if (fixed(right)) return times(times(right, power(left, minus(right, number(1)))), dl);
      if (fixed(left)) return times(times(binary('^', left, right), call('log', left)), dr);
      return times(binary('^', left, right), plus(times(dr, call('log', left)), over(times(right, dl), left)));
  }
}

/** The formula with x and y replaced by other trees. */
export function substituted(node: Node, x: Node, y: Node): Node {
  switch (node.kind) {
    case 'variable':
      return node.name === 'x' ? x : y;
    case 'negative':
      return { kind: 'negative', of: substituted(node.of, x, y) };
    case 'call':
      return call(node.name, substituted(node.of, x, y));
    case 'binary':
      return binary(node.operator, substituted(node.left, x, y), substituted(node.right, x, y));
    default:
      return node;
  }
}
