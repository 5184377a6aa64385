/** How esbuild bundles the functions so that they start fast: serverless.yml names this file. */
import { builtinModules } from 'node:module';
import { basename, extname } from 'node:path';

/** `node:http` as others may write it: `http`. */
const BUILTIN = new RegExp(`^(node:)?(${builtinModules.join('|')})$`);
const IDENTIFIER = /^[a-zA-Z_$][\w$]*$/;

/**
 * Node's modules without their ESM form, which reads every export at once: that of node:http then loads a whole
 * fetch and WebSocket. Each name is a pure expression of its own, so that only what is used is read.
 * https://nodejs.org/docs/latest-v24.x/api/process.html#processgetbuiltinmoduleid
 */
const plainBuiltins = {
  name: 'plain-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: BUILTIN }, ({ path, kind }) => ({
      path: path.replace(/^(node:)?/, 'node:'),
      namespace: kind === 'import-statement' ? 'builtin-imported' : 'builtin-required',
      sideEffects: false,
    }));
    onLoad({ filter: /.*/, namespace: 'builtin-required' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}');`,
    }));
    onLoad({ filter: /.*/, namespace: 'builtin-imported' }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path)).filter(
        (name) => IDENTIFIER.test(name) && name !== 'default',
      );
      return {
        contents: [
          `const all = /* @__PURE__ */ process.getBuiltinModule('${path}');`,
          'export { all as default };',
          ...names.map((name) => `const $${name} = /* @__PURE__ */ (() => all.${name})();`),
          `export { ${names.map((name) => `$${name} as ${name}`).join(', ')} };`,
        ].join('\n'),
      };
    });
  },
};

/** A function's chunks are named after it, which is how the packager knows whose zip they belong in. */
const ownChunks = {
  name: 'own-chunks',
  setup({ initialOptions }) {
    const [entry] = initialOptions.entryPoints;
    initialOptions.chunkNames = `${basename(entry, extname(entry))}.[hash]`;
  },
};

export default [plainBuiltins, ownChunks];
