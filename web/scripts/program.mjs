/**
 * For tests: `node scripts/program.mjs ADDRESS...` runs the built page's own code without a browser and prints, for each
 * address (`turn=45&noise=0.5`), the Python program that the lab exports and the places that the lab walks, as JSON.
 * A place that is no number is given as text ("NaN", "Infinity"), because JSON has no such numbers.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

const page = readFileSync(fileURLToPath(new URL('../dist/lab.html', import.meta.url)), 'utf8');
const end = page.lastIndexOf('NukarumiLab.page();</script>');
const code = page.slice(page.lastIndexOf('<script>', end) + '<script>'.length, end);
vm.runInThisContext(`${code};globalThis.lab = NukarumiLab;`);
const said = process.argv.slice(2).map((address) => globalThis.lab.program(address));
console.log(JSON.stringify(said, (_, value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value)));
