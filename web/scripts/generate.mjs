/** The hikers and the lessons are the library: let Python write src/generated/ from its own rules, terrains and chapters. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const generated = join(web, 'src', 'generated');
const python = process.env.NUKARUMI_PYTHON ?? 'python3';
const source = join(dirname(web), 'src');
const path = [source, process.env.PYTHONPATH].filter(Boolean).join(delimiter);

mkdirSync(generated, { recursive: true });
for (const [module, file] of [['nukarumi.lab.generate', 'generated.js'], ['nukarumi.lessons.build', 'lessons.json']]) {
  const run = spawnSync(python, ['-m', module, join(generated, file)], {
    stdio: 'inherit',
    env: { ...process.env, PYTHONPATH: path },
  });
  if (run.error) {
    console.error(`${file} is written by Python, and ${python} did not start: ${run.error.message}. Set NUKARUMI_PYTHON.`);
    process.exit(1);
  }
  if (run.status !== 0) process.exit(run.status ?? 1);
}
