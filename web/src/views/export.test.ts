/** Tables as files: every spreadsheet reads them, every digit is kept, and nothing in them runs. */
import { describe, expect, it } from 'vitest';
import { csv } from './export';
import { everything } from './curves/walks';
import { generated } from '../engine/generated';
import { ground } from '../engine/ground';
import { walk } from '../engine/walk';

describe('csv', () => {
  it('keeps every digit', () => {
    expect(csv(['a'], [[0.1 + 0.2], [1e-300], [-0.5]])).toBe('a\r\n0.30000000000000004\r\n1e-300\r\n-0.5\r\n');
  });
  it('spells what is not a finite number, and leaves empty what is not there', () => {
    expect(csv(['a', 'b', 'c', 'd'], [[NaN, Infinity, -Infinity, null]])).toBe('a,b,c,d\r\nnan,inf,-inf,\r\n');
  });
  it('quotes commas, quotes and line ends', () => {
    expect(csv(['a,b'], [['say "x"'], ['two\nlines']])).toBe('"a,b"\r\n"say ""x"""\r\n"two\nlines"\r\n');
  });
  it.each(['=1+1', '+1', '-1', '@sum', '\tx'])('defuses %j', (text) => {
    expect(csv(['a'], [[text]])).toContain(`'${text}`);
  });
});

it('puts all walks side by side', () => {
  const bowl = ground(generated.terrains.find(({ name }) => name === 'bowl')!, 0, generated.turns);
  const way = { start: [-7, 2] as [number, number], steps: 3, noise: 0, seed: 0 };
  const made = ['SGD', 'Adam'].map((optimizer) => walk({ optimizer, dialect: 'book', settings: {}, whatif: null }, bowl, way, generated));
  const { header, rows } = everything(made, ['SGD', 'Adam']);
  expect(header).toContain('Adam v_y');
  expect(header).not.toContain('SGD v_y');
  expect(rows).toHaveLength(4);
  expect(rows[0][header.indexOf('SGD g_x')]).toBeNull();
  expect(rows[2][header.indexOf('SGD g_x')]).toBe(made[0].gx[1]);
  expect(rows[3][header.indexOf('Adam x')]).toBe(made[1].x[3]);
});
