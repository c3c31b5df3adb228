/** One bundle, two files: dist/lab.html holds everything and opens from anywhere; dist/widget.js is for notebooks. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const template = fileURLToPath(new URL('./index.html', import.meta.url));
const DEVELOPMENT = '<script type="module" src="/src/dev.ts"></script>';

/** Text that may stand inside a script element: nothing in it can close or open one. */
function inScript(code: string): string {
  return code.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');
}

/** Puts the one chunk and its styles into the page, and into a module that makes a fresh lab for every notebook cell. */
function twoFiles(): Plugin {
  return {
    name: 'nukarumi-two-files',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      let code = '';
      let css = '';
      for (const [name, part] of Object.entries(bundle)) {
        if (part.type === 'chunk') {
          if (code) this.error(`one chunk was expected, and there is also ${name}`);
          code = part.code;
        } else if (name.endsWith('.css')) {
          css += typeof part.source === 'string' ? part.source : new TextDecoder().decode(part.source);
        } else {
          this.error(`nothing but code and styles was expected, and there is ${name}`);
        }
        delete bundle[name];
      }
      const page = readFileSync(template, 'utf8');
      if (!page.includes(DEVELOPMENT) || /<\/style/i.test(css)) this.error('index.html or the styles cannot be inlined');
      // Functions, because a replacement text would read its $ signs as patterns.
      const html = page
        .replace('</head>', () => `<style>${css}</style>\n</head>`)
        .replace(DEVELOPMENT, () => `<script>${inScript(code)}\nNukarumiLab.page();</script>`);
      const widget = [
        `const css = ${JSON.stringify(css)};`,
        // Each cell has its own three.js, which would complain about the other cells' in the console.
        `function lab() {\nconst other = globalThis.__THREE__;\ndelete globalThis.__THREE__;\n${code}\nif (other) globalThis.__THREE__ = other;\nreturn NukarumiLab;\n}`,
        'export default { render({ model, el }) { return lab().widget(model, el, css); } };',
        '',
      ].join('\n');
      this.emitFile({ type: 'asset', fileName: 'lab.html', source: html });
      this.emitFile({ type: 'asset', fileName: 'widget.js', source: widget });
    },
  };
}

export default defineConfig({
  plugins: [svelte(), twoFiles()],
  build: {
    target: 'es2022',
    cssCodeSplit: false,
    assetsInlineLimit: 1 << 20,
    modulePreload: false,
    chunkSizeWarningLimit: 1500,
    rollupOptions: {
      input: fileURLToPath(new URL('./src/main.svelte.ts', import.meta.url)),
      preserveEntrySignatures: 'strict',
      output: { format: 'iife', name: 'NukarumiLab', codeSplitting: false },
    },
  },
});
